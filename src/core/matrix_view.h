// Non-owning row-major matrices, passed between modules so that no Eigen or libtorch type appears in a public
// header.
#pragma once

#include <cstdint>
#include <span>

namespace armorm {

// [rows, cols]; row r starts at data + r * row_stride. T may be const.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_stride = 0;

  MatrixView() = default;
  MatrixView(T* data_, std::int64_t rows_, std::int64_t cols_) : MatrixView(data_, rows_, cols_, cols_) {}
  MatrixView(T* data_, std::int64_t rows_, std::int64_t cols_, std::int64_t stride)
      : data(data_), rows(rows_), cols(cols_), row_stride(stride) {}

  std::span<T> row(std::int64_t r) const { return {data + r * row_stride, static_cast<std::size_t>(cols)}; }
  T& at(std::int64_t r, std::int64_t c) const { return data[r * row_stride + c]; }
  // NOLINTNEXTLINE(google-explicit-constructor): as a pointer to T becomes one to const T
  operator MatrixView<const T>() const { return {data, rows, cols, row_stride}; }
};

}  // namespace armorm
