// Products in pieces, and the operands that products are measured with.
#include "model/linear.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "model/device.h"
#include "model/fp8.h"
#include "model/random_operand.h"
#include "support/error_of.h"
#include "support/test_support.h"

namespace armorm::model {
namespace {

constexpr std::int64_t kIn = 40;
constexpr std::int64_t kOut = 24;

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed, at::ScalarType type) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::kFloat).to(type);
}

at::Tensor padded(const at::Tensor& rows, std::int64_t count) {
  const at::Tensor out = at::zeros({count, rows.size(1)}, rows.options());
  out.narrow(0, 0, rows.size(0)).copy_(rows);
  return out;
}

// `product` of each piece by itself.
template <class Product>
at::Tensor in_pieces(const at::Tensor& x, std::int64_t rows_at_once, const Product& product) {
  std::vector<at::Tensor> results;
  for (std::int64_t first = 0; first < x.size(0); first += rows_at_once) {
    const std::int64_t count = std::min(rows_at_once, x.size(0) - first);
    results.push_back(product(padded(x.narrow(0, first, count), rows_at_once)).narrow(0, 0, count));
  }
  return at::cat(results);
}

template <class Product>
void check_pieces(const Linear& linear, at::ScalarType type, const Product& product) {
  for (const std::int64_t rows : {1, 8, 13, 16, 27}) {
    CAPTURE(rows, type);
    const at::Tensor x = random({rows, kIn}, static_cast<std::uint64_t>(rows), type);
    const at::Tensor got = apply(linear, x, 8);
    CHECK(got.is_contiguous());
    CHECK(at::equal(got, in_pieces(x, 8, product)));
  }
  const at::Tensor none = apply(linear, at::empty({0, kIn}, type), 8);
  CHECK((none.size(0) == 0 && none.size(1) == kOut));
}

}  // namespace

TEST_CASE("pieces of a product have the bits of LibTorch's product of each", "[unit]") {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor weight = random({kOut, kIn}, 1, type);
    const at::Tensor bias = random({kOut}, 2, type);
    check_pieces({weight, {}, kOut}, type, [&](const at::Tensor& x) { return at::linear(x, weight); });
    check_pieces({weight, bias, kOut}, type,
                 [&](const at::Tensor& x) { return at::linear(x, weight, bias); });
  }
}

TEST_CASE("pieces of an fp8 product have the bits of the quantised product of each", "[unit]") {
  const QuantisedRows weight = quantise_rows(random({kOut, kIn}, 1, at::kBFloat16));
  const at::Tensor bias = random({kOut}, 2, at::kBFloat16);
  for (const WeightFormat format : {WeightFormat::fp8, WeightFormat::fp8_fast}) {
    Linear linear{weight.values, bias, kOut, format};
    linear.scales = weight.scales;
    check_pieces(linear, at::kBFloat16, [&](const at::Tensor& x) {
      return reference::multiply_quantised(quantise_rows(x), weight, bias);
    });
  }
}

TEST_CASE("a product sums fast where that is not ruled out, and on the CPU always exactly", "[unit]") {
  CHECK(format_of(Precision::fp8) == WeightFormat::fp8_fast);
  CHECK(format_of(Precision::fp8, Fp8Accumulate::fast) == WeightFormat::fp8_fast);
  CHECK(format_of(Precision::fp8, Fp8Accumulate::exact) == WeightFormat::fp8);
  CHECK(format_of(Precision::bf16, Fp8Accumulate::exact) == WeightFormat::plain);
  const at::Tensor weight = random({kOut, kIn}, 1, at::kBFloat16);
  const at::Tensor x = random({9, kIn}, 2, at::kBFloat16);
  CHECK(at::equal(apply(make_linear(weight, {}, WeightFormat::fp8_fast), x, 0),
                  apply(make_linear(weight, {}, WeightFormat::fp8), x, 0)));
  CHECK_FALSE(has_fp8_products(-1));
  check_accumulate(Fp8Accumulate::exact, -1);
  check_accumulate(Fp8Accumulate::auto_, -1);
  CHECK_THAT(test::error_of([] { check_accumulate(Fp8Accumulate::fast, -1); }, ErrorKind::usage),
             Catch::Contains("`fp8_accumulate`: fast needs a GPU") && Catch::Contains("`device` -1"));
}

TEST_CASE("operands for measuring are normal values that do not repeat from row to row", "[unit]") {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = random_operand({512, 1024}, type, at::kCPU, 1);
    REQUIRE(x.is_contiguous());
    REQUIRE((x.size(0) == 512 && x.size(1) == 1024));
    CHECK(x.scalar_type() == type);
    // 65521 draws: five standard errors of the mean and of the deviation.
    CHECK(std::abs(x.to(at::kDouble).mean().item<double>()) < 0.02);
    CHECK(std::abs(x.to(at::kDouble).std().item<double>() - 1.0) < 0.014);
    CHECK(at::equal(x, random_operand({512, 1024}, type, at::kCPU, 1)));
    CHECK_FALSE(at::equal(x, random_operand({512, 1024}, type, at::kCPU, 2)));
    for (const std::int64_t row : {1, 63, 64, 128, 511}) CHECK_FALSE(at::equal(x[0], x[row]));
  }
  CHECK(random_operand({3}, at::kFloat, at::kCPU, 1).numel() == 3);
}

}  // namespace armorm::model
