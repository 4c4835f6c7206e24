// Times ridge regression with missing labels on a safetensors file of embeddings [N, D] and labels [N, K],
// like stage1-train: one pass for the moments, decompositions and losses, then the validation pass with
// Spearman.
//
//   bench_ridge FILE [--threads T] [--repeat R] [--weights OUT.safetensors] [--only_moments 1]
//              [--kernel float64|integers|amx]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/numpy_random.h"
#include "core/worker_pool.h"
#include "io/safetensors.h"
#include "linear/dense/gram_kernel.h"
#include "linear/dense/integer_columns.h"
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

using linear::dense::GramKernel;
using linear::dense::IntegerColumns;
using linear::dense::kBlockRows;
using linear::dense::kGroup;

constexpr std::int64_t kPeakColumns = 1032;

void accumulate_float64(const std::vector<double>& packed, linear::dense::TileMatrix& sums) {
  for (std::int64_t tile = 0; tile < sums.row_tiles(); tile += 8) {
    linear::dense::accumulate(kBlockRows, packed.data(), packed.data(), tile,
                              std::min(tile + 8, sums.row_tiles()), sums);
  }
}

void accumulate_integers(const IntegerColumns& columns, std::span<const BFloat16* const> rows,
                         linear::dense::TileMatrix& sums) {
  constexpr std::int64_t kStripe = 12;
  std::vector<IntegerColumns::Pair> pairs;
  for (std::int64_t stripe = 0; stripe < columns.n_groups(); stripe += kStripe) {
    const std::int64_t end = std::min(stripe + kStripe, columns.n_groups());
    for (std::int64_t right = 0; right < end; ++right) {
      for (std::int64_t left = std::max(stripe, right); left < end; ++left) pairs.push_back({left, right});
    }
  }
  columns.multiply(rows, pairs, [&](std::size_t n, linear::dense::GroupProducts& products) {
    linear::dense::add_to_tiles(products, {pairs[n].left * kGroup, pairs[n].right * kGroup, kPeakColumns},
                                sums);
  });
}

// FLOP/s of the accumulation kernel on data in the cache (two per multiply-add).
double kernel_peak(GramKernel kernel, int n_threads) {
  constexpr int kRepeats = 20;
  WorkerPool pool(n_threads);
  std::vector<linear::dense::TileMatrix> sums;
  for (int i = 0; i < pool.n_threads(); ++i) sums.emplace_back(kPeakColumns);
  const std::vector<double> packed(
      static_cast<std::size_t>(kBlockRows * (kPeakColumns + linear::dense::kTileRows)), 0.5);
  const std::vector<BFloat16> row(static_cast<std::size_t>(kPeakColumns), BFloat16::from_float(0.5F));
  const std::vector<const BFloat16*> rows(static_cast<std::size_t>(kBlockRows), row.data());
  IntegerColumns columns;
  if (kernel != GramKernel::float64) columns.reserve(kernel, kPeakColumns);
  for (std::int64_t b = 0; b < columns.n_groups(); ++b) columns.pack(rows, b);
  double best = 1e9;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double start = now();
    pool.run(pool.n_threads(), [&](std::int64_t i) {
      auto& mine = sums[static_cast<std::size_t>(i)];
      for (int k = 0; k < kRepeats; ++k) {
        if (kernel == GramKernel::float64) {
          accumulate_float64(packed, mine);
        } else {
          accumulate_integers(columns, rows, mine);
        }
      }
    });
    best = std::min(best, now() - start);
  }
  return 1.0 * pool.n_threads() * kRepeats * kBlockRows * kPeakColumns * kPeakColumns / best;
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
        GramKernel kernel, bool only_moments) {
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
  linear::RidgeAccumulator accumulator(d, k, {.n_threads = n_threads, .kernel = kernel});
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

int bench(const std::string& path, int n_threads, GramKernel kernel, int repeat, const std::string& weights,
          bool only_moments) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  const io::TensorView x = file.at("embeddings");
  std::vector<linear::RowGroup> groups(static_cast<std::size_t>(x.shape[0]), linear::kTrainRow);
  for (const std::int64_t row : train_test_split(x.shape[0], 0.2, 42).validation) {
    groups[static_cast<std::size_t>(row)] = linear::kValidationRow;
  }
  for (int i = 0; i < repeat; ++i) {
    const Run out = run(file, groups, n_threads, kernel, only_moments);
    const double peak = kernel_peak(kernel, n_threads);
    const double flops = static_cast<double>(x.shape[0] * x.shape[1] * x.shape[1]);
    const double wall = out.accumulate.wall + out.solve.wall + out.evaluate.wall;
    const double cpu = out.accumulate.cpu + out.solve.cpu + out.evaluate.cpu;
    std::printf(
        "{\"total\": %.4f, \"accumulate\": %.4f, \"solve\": %.4f, \"evaluate\": %.4f, \"total_cpu\": %.4f, "
        "\"accumulate_cpu\": %.4f, \"solve_cpu\": %.4f, \"evaluate_cpu\": %.4f, \"gflops\": %.1f, "
        "\"kernel_gflops\": %.1f, \"anonymous_mib\": %.0f, \"instructions\": \"%s\", "
        "\"kernel\": \"%s\"}\n",
        wall, out.accumulate.wall, out.solve.wall, out.evaluate.wall, cpu, out.accumulate.cpu, out.solve.cpu,
        out.evaluate.cpu, flops / out.accumulate.wall / 1e9, peak / 1e9, out.anonymous_mib,
        std::string(linear::dense::name_of(linear::dense::best_instruction_set())).c_str(),
        std::string(linear::dense::name_of(kernel)).c_str());
    std::fflush(stdout);
    if (!weights.empty() && !only_moments) write_weights(weights, out.result);
  }
  return 0;
}

GramKernel parse_kernel(const std::string& name) {
  if (name == "float64") return GramKernel::float64;
  if (name == "integers") return GramKernel::integers;
  return name == "amx" ? GramKernel::amx : linear::dense::best_gram_kernel();
}

}  // namespace

int main(int argc, char** argv) {
  int n_threads = 0;
  int repeat = 1;
  std::string weights;
  bool only_moments = false;
  GramKernel kernel = linear::dense::best_gram_kernel();
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--threads") n_threads = std::stoi(argv[i + 1]);
    if (flag == "--repeat") repeat = std::stoi(argv[i + 1]);
    if (flag == "--kernel") kernel = parse_kernel(argv[i + 1]);
    if (flag == "--weights") weights = argv[i + 1];
    if (flag == "--only_moments") only_moments = std::stoi(argv[i + 1]) != 0;
  }
  if (argc < 2) {
    std::fputs(
        "usage: bench_ridge FILE [--threads T] [--repeat R] [--weights OUT.safetensors] [--only_moments 1] "
        "[--kernel float64|integers|amx]\n",
        stderr);
    return 2;
  }
  try {
    return bench(argv[1], n_threads, kernel, repeat, weights, only_moments);
  } catch (const armorm::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  }
}
