// Random draws that are the same with every compiler and library. std::mt19937_64 is specified to the bit,
// the distributions of the standard library are not; our own distributions use only integer and exact
// arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

namespace armorm::demo {

class Random {
 public:
  // Streams of one seed with different names are independent of each other's length.
  Random(std::uint64_t seed, std::string_view stream) {
    std::uint64_t state = 0xcbf29ce484222325ULL ^ (seed * 0x9e3779b97f4a7c15ULL);
    for (const char c : stream) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    engine_.seed(state);
  }

  // [0, 1), 53 bits.
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // [0, n). The modulo bias, n / 2^64, is far below anything a data set could show.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  bool chance(double probability) { return uniform() < probability; }
  // Mean 0, variance 1: the sum of twelve uniforms, which needs no logarithm or cosine of the C library.
  double normal() {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

  template <class Sequence>
  const auto& pick(const Sequence& sequence) {
    return sequence[below(sequence.size())];
  }

  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace armorm::demo
