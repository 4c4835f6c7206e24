// Our CUDA kernels on the device, compared with float64 over widths, rows, strides and offsets that fill and
// cross their vectors; then the time of each at the shapes of a Llama of 8 billion parameters, compared with
// a copy.
//
//   kernel_check        all sizes, then the times
//   kernel_check few    fewer sizes and no times, for compute-sanitizer
//
// It links no LibTorch, so that compute-sanitizer starts quickly and sees our kernels alone. Each buffer is a
// device allocation of exactly its size, so that an access one byte too far is noticed. A new kernel gets a
// function check_NAME, calls in check_type(), and a line in timed_kernels() (kernel_times.cu). Exit code 1: a
// kernel differs. 2: usage. 3: CUDA reports an error.
#include <cuda_fp8.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "kernel_times.h"

namespace armorm::bench {
namespace {

using namespace model::cuda;

constexpr float kEps = 1e-5F;

// Sizes of one check. `offset`: elements by which the activations miss the alignment of an allocation.
struct Case {
  std::int64_t rows = 0;
  std::int64_t width = 0;
  int offset = 0;

  std::size_t size() const { return static_cast<std::size_t>(rows * width); }
};

class Checker {
 public:
  Random random;

  void expect(bool agrees, const char* kernel, Element type, const Case& c, const std::string& more = "") {
    ++checks_;
    if (agrees || ++failures_ > kPrinted) return;
    std::printf("FAILED: %s %s rows %lld width %lld offset %d%s\n", kernel,
                type == Element::fp32 ? "fp32" : "bf16", static_cast<long long>(c.rows),
                static_cast<long long>(c.width), c.offset, more.c_str());
  }
  bool summary() const {
    std::printf("%ld checks, %ld failed\n", checks_, failures_);
    return failures_ == 0;
  }

 private:
  static constexpr long kPrinted = 40;
  long checks_ = 0;
  long failures_ = 0;
};

// Whether a result is `expected` up to `steps` roundings to float32 of `magnitude`, the size of the terms
// that it is made from, and up to its own rounding to bfloat16.
template <class T>
bool close(T result, double expected, double magnitude, double steps) {
  const double computed = 4e-7 * steps * magnitude;
  const double stored = kIsFloat<T> ? 0.0 : (std::abs(expected) + computed) / 256;
  return std::abs(static_cast<double>(widened(result)) - expected) <= computed + stored;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class T>
bool is_norm(const T* x, const std::vector<float>& weight, const T* normed) {
  double squares = 0.0;
  for (std::size_t i = 0; i < weight.size(); ++i) squares += std::pow(widened(x[i]), 2.0);
  const double scale = 1.0 / std::sqrt(squares / static_cast<double>(weight.size()) + kEps);
  for (std::size_t i = 0; i < weight.size(); ++i) {
    const double expected = widened(x[i]) * scale * weight[i];
    if (!close(normed[i], expected, std::abs(expected), 4)) return false;
  }
  return true;
}

// Without `add`, x stays as it is.
template <class T>
void check_norm(Checker& checker, const Case& c, bool add) {
  std::vector<T> x = checker.random.normals<T>(c.size(), 3.0);
  const std::vector<T> delta = checker.random.normals<T>(c.size());
  const std::vector<float> weight = checker.random.normals<float>(static_cast<std::size_t>(c.width));
  const DeviceArray<T> residual(x, c.offset);
  const DeviceArray<T> added(delta, c.offset);
  const DeviceArray<T> out(c.size(), c.offset);
  const DeviceArray<float> weights(weight);
  if (add) {
    launch_add_rms_norm(kElement<T>, residual.data(), added.data(), weights.data(), out.data(), c.rows,
                        c.width, kEps, nullptr);
  } else {
    launch_rms_norm(kElement<T>, residual.data(), weights.data(), out.data(), c.rows, c.width, kEps, nullptr);
  }
  finish();
  for (std::size_t i = 0; add && i < x.size(); ++i) x[i] = rounded<T>(widened(x[i]) + widened(delta[i]));
  const std::vector<T> normed = out.values();
  bool agrees = same_bits(residual.values(), x);
  for (std::size_t begin = 0; begin < x.size(); begin += weight.size())
    agrees = agrees && is_norm(&x[begin], weight, &normed[begin]);
  checker.expect(agrees, add ? "add_rms_norm" : "rms_norm", kElement<T>, c);
}

struct RopeCase {
  std::int64_t rows, heads, half;
  std::int64_t gap;  // elements between the rows
  int offset;
};

template <class T>
void check_rope(Checker& checker, const RopeCase& c) {
  const std::int64_t width = c.heads * 2 * c.half;
  const std::int64_t stride = width + c.gap;
  std::vector<T> x =
      checker.random.normals<T>(static_cast<std::size_t>(c.rows == 0 ? 0 : c.rows * stride - c.gap));
  std::vector<float> cos = checker.random.normals<float>(static_cast<std::size_t>(c.rows * c.half), 10.0);
  std::vector<float> sin = cos;
  for (float& angle : cos) angle = std::cos(angle);
  for (float& angle : sin) angle = std::sin(angle);
  const DeviceArray<T> on_device(x, c.offset);
  const DeviceArray<float> cosines(cos);
  const DeviceArray<float> sines(sin);
  launch_rope(kElement<T>, on_device.data(), cosines.data(), sines.data(), c.rows, stride, c.heads, c.half,
              nullptr);
  finish();
  const std::vector<T> rotated = on_device.values();
  bool agrees = true;
  for (std::int64_t item = 0; item < c.rows * c.heads * c.half; ++item) {
    const std::int64_t row = item / (c.heads * c.half);
    const std::int64_t head = item / c.half % c.heads;
    const auto angle = static_cast<std::size_t>(row * c.half + item % c.half);
    const auto low = static_cast<std::size_t>(row * stride + head * 2 * c.half + item % c.half);
    const auto high = low + static_cast<std::size_t>(c.half);
    const double a = widened(x[low]);
    const double b = widened(x[high]);
    agrees = agrees && close(rotated[low], a * cos[angle] - b * sin[angle], std::abs(a) + std::abs(b), 1) &&
             close(rotated[high], b * cos[angle] + a * sin[angle], std::abs(a) + std::abs(b), 1);
    x[low] = rotated[low];
    x[high] = rotated[high];
  }
  agrees = agrees && same_bits(rotated, x);  // nothing between the rows has changed
  checker.expect(agrees, "rope", kElement<T>, {c.rows, width, c.offset},
                 " heads " + std::to_string(c.heads) + " gap " + std::to_string(c.gap));
}

double activated(bool silu, double x) {
  if (silu) return x / (1.0 + std::exp(-x));
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

template <class T>
void check_gated(Checker& checker, const Case& c, bool silu, double spread = 1.0) {
  const std::vector<T> x = checker.random.normals<T>(2 * c.size(), spread);
  const DeviceArray<T> gate_up(x, c.offset);
  const DeviceArray<T> out(c.size(), c.offset);
  const auto launch = silu ? launch_gated_silu : launch_gated_gelu_tanh;
  launch(kElement<T>, gate_up.data(), out.data(), c.rows, c.width, nullptr);
  finish();
  const std::vector<T> gated = out.values();
  const auto width = static_cast<std::size_t>(c.width);
  bool agrees = true;
  for (std::size_t i = 0; i < gated.size(); ++i) {
    const std::size_t at = i / width * 2 * width + i % width;
    const double gate = widened(x[at]);
    const double up = widened(x[at + width]);
    const double expected = activated(silu, gate) * up;
    // Far below zero the activation is a difference of nearly equal terms.
    agrees = agrees && close(gated[i], expected, std::max(std::abs(expected), std::abs(gate * up) / 10), 8);
  }
  checker.expect(agrees, silu ? "gated_silu" : "gated_gelu_tanh", kElement<T>, c);
}

// Bytes and scales exactly, with rows of very different sizes; every fifth row is zero.
template <class T>
void check_quantise(Checker& checker, const Case& c) {
  const auto rows = static_cast<std::size_t>(c.rows);
  const auto width = static_cast<std::size_t>(c.width);
  std::vector<T> x(c.size());
  for (std::size_t row = 0; row < rows; ++row) {
    const double spread = row % 5 == 4 ? 0.0 : std::pow(10.0, checker.random.normal(2.0));
    for (std::size_t i = 0; i < width; ++i)
      x[row * width + i] = rounded<T>(spread > 0 ? checker.random.normal(spread) : 0);
  }
  std::vector<unsigned char> bytes(c.size());
  std::vector<float> scales(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    float largest = 0.0F;
    for (std::size_t i = 0; i < width; ++i)
      largest = std::max(largest, std::abs(widened(x[row * width + i])));
    scales[row] = largest > 0.0F ? largest / 448.0F : 1.0F;
    for (std::size_t i = row * width; i < (row + 1) * width; ++i)
      bytes[i] = __nv_cvt_float_to_fp8(widened(x[i]) / scales[row], __NV_SATFINITE, __NV_E4M3);
  }
  const DeviceArray<T> on_device(x, c.offset);
  const DeviceArray<unsigned char> out(c.size(), c.offset);
  const DeviceArray<float> row_scales(rows, 0);
  launch_quantise_rows(kElement<T>, on_device.data(), out.data(), row_scales.data(), c.rows, c.width,
                       nullptr);
  finish();
  checker.expect(same_bits(out.values(), bytes) && same_bits(row_scales.values(), scales), "quantise_rows",
                 kElement<T>, c);
}

// Kernels with the quantisation of their results, compared with the same in two steps: equal bits.
struct Quantised {
  DeviceArray<unsigned char> bytes;
  DeviceArray<float> scales;

  explicit Quantised(const Case& c)
      : bytes(c.size(), c.offset), scales(static_cast<std::size_t>(c.rows), 0) {}
  bool operator==(const Quantised& other) const {
    return same_bits(bytes.values(), other.bytes.values()) &&
           same_bits(scales.values(), other.scales.values());
  }
};

void check_quantised_norm(Checker& checker, const Case& c, bool add) {
  const std::vector<bf16> x = checker.random.normals<bf16>(c.size(), 3.0);
  const DeviceArray<bf16> residual(x, c.offset);
  const DeviceArray<bf16> same_residual(x, c.offset);
  const DeviceArray<bf16> delta(checker.random.normals<bf16>(c.size()), c.offset);
  const DeviceArray<float> weight(checker.random.normals<float>(static_cast<std::size_t>(c.width)));
  const DeviceArray<bf16> normed(c.size(), c.offset);
  const Quantised at_once(c);
  const Quantised in_two(c);
  if (!quantises_at_once(Element::bf16, c.width,
                         {residual.data(), delta.data(), weight.data(), at_once.bytes.data()}))
    return;
  if (add) {
    launch_quantised_add_rms_norm(residual.data(), delta.data(), weight.data(), at_once.bytes.data(),
                                  at_once.scales.data(), c.rows, c.width, kEps, nullptr);
    launch_add_rms_norm(Element::bf16, same_residual.data(), delta.data(), weight.data(), normed.data(),
                        c.rows, c.width, kEps, nullptr);
  } else {
    launch_quantised_rms_norm(residual.data(), weight.data(), at_once.bytes.data(), at_once.scales.data(),
                              c.rows, c.width, kEps, nullptr);
    launch_rms_norm(Element::bf16, same_residual.data(), weight.data(), normed.data(), c.rows, c.width, kEps,
                    nullptr);
  }
  launch_quantise_rows(Element::bf16, normed.data(), in_two.bytes.data(), in_two.scales.data(), c.rows,
                       c.width, nullptr);
  finish();
  checker.expect(at_once == in_two && same_bits(residual.values(), same_residual.values()),
                 add ? "quantised_add_rms_norm" : "quantised_rms_norm", Element::bf16, c);
}

void check_quantised_gated(Checker& checker, const Case& c, bool silu) {
  const DeviceArray<bf16> gate_up(checker.random.normals<bf16>(2 * c.size()), c.offset);
  const DeviceArray<bf16> gated(c.size(), c.offset);
  const Quantised at_once(c);
  const Quantised in_two(c);
  if (!quantises_at_once(Element::bf16, c.width, {gate_up.data(), at_once.bytes.data()})) return;
  const auto launch = silu ? launch_quantised_gated_silu : launch_quantised_gated_gelu_tanh;
  launch(gate_up.data(), at_once.bytes.data(), at_once.scales.data(), c.rows, c.width, nullptr);
  const auto first = silu ? launch_gated_silu : launch_gated_gelu_tanh;
  first(Element::bf16, gate_up.data(), gated.data(), c.rows, c.width, nullptr);
  launch_quantise_rows(Element::bf16, gated.data(), in_two.bytes.data(), in_two.scales.data(), c.rows,
                       c.width, nullptr);
  finish();
  checker.expect(at_once == in_two, silu ? "quantised_gated_silu" : "quantised_gated_gelu_tanh",
                 Element::bf16, c);
}

template <class T>
void check_case(Checker& checker, const Case& c) {
  for (const bool add : {false, true}) check_norm<T>(checker, c, add);
  for (const bool silu : {true, false}) check_gated<T>(checker, c, silu);
  check_quantise<T>(checker, {2 * c.rows, c.width, c.offset});
  if constexpr (!kIsFloat<T>) {
    for (const bool add : {false, true}) check_quantised_norm(checker, c, add);
    for (const bool silu : {true, false}) check_quantised_gated(checker, c, silu);
  }
}

template <class T>
void check_ropes(Checker& checker, bool few) {
  for (const std::int64_t heads : {1, 3, 40})
    for (const std::int64_t half : {1, 3, 4, 6, 8, 10, 32, 64, 65, 128})
      for (const std::int64_t gap : {0, 1, 8})
        for (const int offset : {0, 1, 8})
          for (const std::int64_t rows : {0, 3})
            if (!few || half > 60) check_rope<T>(checker, {rows, heads, half, gap, offset});
}

template <class T>
void check_type(Checker& checker, bool few) {
  const std::vector<std::int64_t> widths =
      few ? std::vector<std::int64_t>{1, 7, 8, 31, 32, 257, 1031, 4096, 8200}
          : std::vector<std::int64_t>{1,    2,    3,    7,    8,    15,   16,   24,   31,
                                      32,   33,   48,   100,  255,  256,  257,  1000, 1024,
                                      1031, 2048, 2056, 4096, 4100, 8192, 8193, 8200};
  for (const std::int64_t width : widths)
    for (const std::int64_t rows : {0, 1, 3})
      for (const int offset : {0, 1, 8}) check_case<T>(checker, {rows, width, offset});
  for (const std::int64_t width : {14336, 28672}) check_case<T>(checker, {2, width, 0});
  for (const double spread : {0.01, 40.0})
    for (const bool silu : {true, false})
      for (const std::int64_t width : {1031, 1032}) check_gated<T>(checker, {6, width, 0}, silu, spread);
  check_ropes<T>(checker, few);
  if (few) return;
  // More rows than the second dimension of a grid can have.
  check_case<T>(checker, {70000, 64, 0});
  check_rope<T>(checker, {70000, 2, 16, 0, 0});
}

int run(bool few) {
  Checker checker;
  check_type<float>(checker, few);
  check_type<bf16>(checker, few);
  const bool agree = checker.summary();
  if (agree && !few) print_times(checker.random);
  return agree ? 0 : 1;
}

}  // namespace
}  // namespace armorm::bench

int main(int argc, char** argv) {
  const bool few = argc == 2 && std::string(argv[1]) == "few";
  if (argc > 1 && !few) {
    std::printf("usage: kernel_check [few]\n");
    return 2;
  }
  return armorm::bench::run(few);
}
