#include <algorithm>
#include <cmath>
#include <functional>

#include "kernel_times.h"

namespace armorm::bench {
namespace {

using namespace model::cuda;

constexpr float kEps = 1e-5F;

// Fills device memory with normal bfloat16 values.
void fill(char* memory, std::size_t bytes, Random& random) {
  const std::vector<bf16> pattern = random.normals<bf16>(std::size_t{1} << 20);
  std::size_t filled = std::min(bytes, pattern.size() * sizeof(bf16));
  must(cudaMemcpy(memory, pattern.data(), filled, cudaMemcpyHostToDevice));
  while (filled < bytes) {
    const std::size_t more = std::min(filled, bytes - filled);
    must(cudaMemcpy(memory + filled, memory, more, cudaMemcpyDeviceToDevice));
    filled += more;
  }
}

class Timer {
 public:
  Timer() {
    must(cudaEventCreate(&begin_));
    must(cudaEventCreate(&end_));
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }

  // The best of nine runs, after three that do not count.
  double seconds(const std::function<void()>& run) {
    float best = INFINITY;
    for (int i = 0; i < 12; ++i) {
      must(cudaEventRecord(begin_));
      run();
      must(cudaEventRecord(end_));
      must(cudaEventSynchronize(end_));
      float milliseconds = 0.0F;
      must(cudaEventElapsedTime(&milliseconds, begin_, end_));
      if (i >= 3) best = std::min(best, milliseconds);
    }
    must(cudaGetLastError());
    return static_cast<double>(best) / 1e3;
  }

 private:
  cudaEvent_t begin_ = nullptr;
  cudaEvent_t end_ = nullptr;
};

struct Timed {
  const char* name;
  double bytes;  // of a row, read and written at least once
  std::function<void()> run;
};

constexpr std::int64_t kHidden = 4096;
constexpr std::int64_t kInner = 14336;
constexpr std::int64_t kHeads = 40;     // that rotate, among kAllHeads
constexpr std::int64_t kAllHeads = 48;  // with the values'
constexpr std::int64_t kHalf = 64;
constexpr std::int64_t kRowBytes = 2 * kInner * 2 + kInner * 2 + kInner + 2 * kHalf * 4;

// As many as a device of the H200's size holds easily; fewer where that is too many.
std::int64_t rows_to_time() {
  std::size_t available = 0;
  std::size_t total = 0;
  must(cudaMemGetInfo(&available, &total));
  std::int64_t rows = 65536;
  while (rows > 1024 && rows * kRowBytes > static_cast<std::int64_t>(available / 2)) rows /= 2;
  return rows;
}

// Memory for the shapes of all kernels.
struct Buffers {
  std::int64_t rows = rows_to_time();
  DeviceArray<char> wide{bytes_of(2 * kInner * 2), 0};
  DeviceArray<char> narrow{bytes_of(kInner * 2), 0};
  DeviceArray<char> quantised{bytes_of(kInner), 0};
  // Cosines and sines that keep the size of what they rotate, and later the scales of rows.
  DeviceArray<float> table{std::vector<float>(bytes_of(2 * kHalf), std::sqrt(0.5F))};
  DeviceArray<float> weight;

  explicit Buffers(Random& random) : weight(random.normals<float>(kHidden)) {
    fill(wide.data(), bytes_of(2 * kInner * 2), random);
    fill(narrow.data(), bytes_of(kInner * 2), random);
  }
  std::size_t bytes_of(std::int64_t row) const { return static_cast<std::size_t>(rows * row); }
};

// The first one is the copy.
std::vector<Timed> timed_kernels(const Buffers& buffers) {
  const Element type = Element::bf16;
  const std::int64_t rows = buffers.rows;
  const float* const weight = buffers.weight.data();
  float* const table = buffers.table.data();
  char* const x = buffers.wide.data();
  char* const delta = x + buffers.bytes_of(kHidden * 2);
  char* const out = buffers.narrow.data();
  char* const bytes = buffers.quantised.data();
  const std::size_t copied = buffers.bytes_of(kInner * 2);
  return {
      {"copy", 4.0 * kInner, [=] { must(cudaMemcpyAsync(x, out, copied, cudaMemcpyDeviceToDevice)); }},
      {"rms_norm 4096", 4.0 * kHidden,
       [=] { launch_rms_norm(type, x, weight, out, rows, kHidden, kEps, nullptr); }},
      {"add_rms_norm 4096", 8.0 * kHidden,
       [=] { launch_add_rms_norm(type, x, delta, weight, out, rows, kHidden, kEps, nullptr); }},
      {"rope 40 x 128", 8.0 * kHeads * kHalf + 8.0 * kHalf,
       [=] {
         launch_rope(type, x, table, table + rows * kHalf, rows, kAllHeads * 2 * kHalf, kHeads, kHalf,
                     nullptr);
       }},
      {"gated_silu 14336", 6.0 * kInner, [=] { launch_gated_silu(type, x, out, rows, kInner, nullptr); }},
      {"quantised_add_rms_norm 4096", 7.0 * kHidden + 4,
       [=] { launch_quantised_add_rms_norm(x, delta, weight, bytes, table, rows, kHidden, kEps, nullptr); }},
      {"quantised_gated_silu 14336", 5.0 * kInner + 4,
       [=] { launch_quantised_gated_silu(x, bytes, table, rows, kInner, nullptr); }},
      {"quantise_rows 4096", 3.0 * kHidden + 4,
       [=] { launch_quantise_rows(type, x, bytes, table, rows, kHidden, nullptr); }},
      {"quantise_rows 14336", 3.0 * kInner + 4,
       [=] { launch_quantise_rows(type, x, bytes, table, rows, kInner, nullptr); }},
  };
}

}  // namespace

void print_times(Random& random) {
  const Buffers buffers(random);
  std::printf("\n%lld rows in bf16; the least that must be read and written counts.\n\n",
              static_cast<long long>(buffers.rows));
  std::printf("| kernel | ms | GB/s | of the copy |\n|---|---:|---:|---:|\n");
  Timer timer;
  double copied = 0.0;
  for (const Timed& kernel : timed_kernels(buffers)) {
    const double seconds = timer.seconds(kernel.run);
    const double rate = static_cast<double>(buffers.rows) * kernel.bytes / seconds / 1e9;
    if (copied == 0.0) copied = rate;
    std::printf("| %s | %.3f | %.0f | %.0f %% |\n", kernel.name, seconds * 1e3, rate, 100 * rate / copied);
  }
}

}  // namespace armorm::bench
