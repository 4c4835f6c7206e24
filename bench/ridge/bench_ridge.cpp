// Times ridge regression with missing labels on a safetensors file of embeddings [N, D] and labels [N, K],
// like stage1-train: one pass for the moments, decompositions and losses, then the validation pass with
// Spearman.
//
//   bench_ridge FILE [--threads T] [--repeat R] [--weights OUT.safetensors] [--only_moments 1]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>

#include "core/error.h"
#include "core/numpy_random.h"
#include "core/worker_pool.h"
#include "io/safetensors.h"
#include "linear/dense/gram_kernel.h"
#include "linear/ridge.h"

namespace {

using namespace armorm;

constexpr std::int64_t kBlock = 8192;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Processor time of all threads; other programs disturb it less than the wall clock.
double cpu_now() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Memory of this process without the mapped file, in MiB.
double anonymous_memory() {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  char line[256];
  double kilobytes = 0.0;
  while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, "RssAnon:", 8) == 0) kilobytes = std::atof(line + 8);
  }
  if (file != nullptr) std::fclose(file);
  return kilobytes / 1024.0;
}

// FLOP/s of the accumulation kernel on data in the cache (two per multiply-add).
double kernel_peak(int n_threads) {
  constexpr std::int64_t kColumns = 1032;
  constexpr int kRepeats = 20;
  WorkerPool pool(n_threads);
  std::vector<linear::dense::TileMatrix> sums;
  for (int i = 0; i < pool.n_threads(); ++i) sums.emplace_back(kColumns);
  const std::vector<double> packed(
      static_cast<std::size_t>(linear::dense::kBlockRows * (kColumns + linear::dense::kTileRows)), 0.5);
  double best = 1e9;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double start = now();
    pool.run(pool.n_threads(), [&](std::int64_t i) {
      auto& mine = sums[static_cast<std::size_t>(i)];
      for (int k = 0; k < kRepeats; ++k) {
        for (std::int64_t tile = 0; tile < mine.row_tiles(); tile += 8) {
          linear::dense::accumulate(linear::dense::kBlockRows, packed.data(), packed.data(), tile,
                                    std::min(tile + 8, mine.row_tiles()), mine);
        }
      }
    });
    best = std::min(best, now() - start);
  }
  return 1.0 * pool.n_threads() * kRepeats * linear::dense::kBlockRows * kColumns * kColumns / best;
}

struct Phase {
  double wall = 0.0;
  double cpu = 0.0;

  void begin() {
    wall -= now();
    cpu -= cpu_now();
  }
  void end() {
    wall += now();
    cpu += cpu_now();
  }
};

struct Run {
  Phase accumulate;
  Phase solve;
  Phase evaluate;
  double anonymous_mib = 0.0;
  linear::RidgeResult result;
};

Run run(const io::SafetensorsFile& file, std::span<const linear::RowGroup> groups, int n_threads,
        bool only_moments) {
  const io::TensorView x = file.at("embeddings");
  const std::int64_t n = x.shape[0];
  const std::int64_t d = x.shape[1];
  const io::TensorView y = file.at("labels", DType::f32, {n, -1});
  const std::int64_t k = y.shape[1];
  const auto feed = [&](auto& target) {
    for (std::int64_t begin = 0; begin < n; begin += kBlock) {
      const std::int64_t rows = std::min(kBlock, n - begin);
      target.add_block(MatrixView<const BFloat16>(x.as<BFloat16>().data() + begin * d, rows, d),
                       MatrixView<const float>(y.as<float>().data() + begin * k, rows, k),
                       groups.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(rows)));
      file.mapping().advise(io::MappedFile::Access::dont_need,
                            static_cast<std::size_t>(x.bytes.data() - file.mapping().bytes().data()) +
                                static_cast<std::size_t>(begin * d) * sizeof(BFloat16),
                            static_cast<std::size_t>(rows * d) * sizeof(BFloat16));
    }
  };
  Run out;
  out.accumulate.begin();
  linear::RidgeAccumulator accumulator(d, k, {.n_threads = n_threads});
  feed(accumulator);
  out.anonymous_mib = anonymous_memory();
  const linear::RidgeMoments moments = accumulator.finish();
  out.accumulate.end();
  out.anonymous_mib = std::max(out.anonymous_mib, anonymous_memory());
  if (only_moments) return out;
  out.solve.begin();
  linear::RidgeOptions options;
  options.n_threads = n_threads;
  linear::RidgeSolver solver(moments, options);
  if (solver.needs_rows()) feed(solver);
  out.anonymous_mib = std::max(out.anonymous_mib, anonymous_memory());
  out.result = solver.finish();
  out.solve.end();
  out.evaluate.begin();
  linear::RidgeEvaluator evaluator(out.result, {.n_threads = n_threads});
  feed(evaluator);
  evaluator.finish(out.result);
  out.evaluate.end();
  return out;
}

void write_weights(const std::string& path, const linear::RidgeResult& result) {
  const auto k = static_cast<std::int64_t>(result.attributes.size());
  std::vector<double> alphas;
  for (const linear::AttributeFit& fit : result.attributes) alphas.push_back(fit.best_alpha);
  io::SafetensorsWriter writer(
      path, {{"weight", DType::f64, {k, result.n_features}}, {"alpha", DType::f64, {k}}}, {});
  writer.append(std::span<const double>(result.weights));
  writer.append(std::span<const double>(alphas));
  writer.publish();
}

int bench(const std::string& path, int n_threads, int repeat, const std::string& weights, bool only_moments) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  const io::TensorView x = file.at("embeddings");
  std::vector<linear::RowGroup> groups(static_cast<std::size_t>(x.shape[0]), linear::kTrainRow);
  for (const std::int64_t row : train_test_split(x.shape[0], 0.2, 42).validation) {
    groups[static_cast<std::size_t>(row)] = linear::kValidationRow;
  }
  for (int i = 0; i < repeat; ++i) {
    const Run out = run(file, groups, n_threads, only_moments);
    const double peak = kernel_peak(n_threads);
    const double flops = static_cast<double>(x.shape[0] * x.shape[1] * x.shape[1]);
    const double wall = out.accumulate.wall + out.solve.wall + out.evaluate.wall;
    const double cpu = out.accumulate.cpu + out.solve.cpu + out.evaluate.cpu;
    std::printf(
        "{\"total\": %.4f, \"accumulate\": %.4f, \"solve\": %.4f, \"evaluate\": %.4f, \"total_cpu\": %.4f, "
        "\"accumulate_cpu\": %.4f, \"solve_cpu\": %.4f, \"evaluate_cpu\": %.4f, \"gflops\": %.1f, "
        "\"kernel_gflops\": %.1f, \"anonymous_mib\": %.0f, \"instructions\": \"%s\"}\n",
        wall, out.accumulate.wall, out.solve.wall, out.evaluate.wall, cpu, out.accumulate.cpu, out.solve.cpu,
        out.evaluate.cpu, flops / out.accumulate.wall / 1e9, peak / 1e9, out.anonymous_mib,
        std::string(linear::dense::name_of(linear::dense::best_instruction_set())).c_str());
    std::fflush(stdout);
    if (!weights.empty() && !only_moments) write_weights(weights, out.result);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  int n_threads = 0;
  int repeat = 1;
  std::string weights;
  bool only_moments = false;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--threads") n_threads = std::stoi(argv[i + 1]);
    if (flag == "--repeat") repeat = std::stoi(argv[i + 1]);
    if (flag == "--weights") weights = argv[i + 1];
    if (flag == "--only_moments") only_moments = std::stoi(argv[i + 1]) != 0;
  }
  if (argc < 2) {
    std::fputs(
        "usage: bench_ridge FILE [--threads T] [--repeat R] [--weights OUT.safetensors] [--only_moments 1]\n",
        stderr);
    return 2;
  }
  try {
    return bench(argv[1], n_threads, repeat, weights, only_moments);
  } catch (const armorm::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  }
}
