#include "core/dtype.h"

#include <array>

namespace armorm {
namespace {

struct Entry {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array<Entry, 15> kTable{{{DType::bool_, "BOOL", 1},
                                        {DType::u8, "U8", 1},
                                        {DType::i8, "I8", 1},
                                        {DType::u16, "U16", 2},
                                        {DType::i16, "I16", 2},
                                        {DType::u32, "U32", 4},
                                        {DType::i32, "I32", 4},
                                        {DType::u64, "U64", 8},
                                        {DType::i64, "I64", 8},
                                        {DType::f16, "F16", 2},
                                        {DType::bf16, "BF16", 2},
                                        {DType::f32, "F32", 4},
                                        {DType::f64, "F64", 8},
                                        {DType::f8_e4m3, "F8_E4M3", 1},
                                        {DType::f8_e5m2, "F8_E5M2", 1}}};

const Entry& entry(DType dtype) noexcept { return kTable[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::size_t size_of(DType dtype) noexcept { return entry(dtype).size; }
std::string_view name_of(DType dtype) noexcept { return entry(dtype).name; }

bool parse_dtype(std::string_view name, DType& out) noexcept {
  for (const Entry& e : kTable) {
    if (e.name == name) {
      out = e.dtype;
      return true;
    }
  }
  return false;
}

}  // namespace armorm
