// Extracts the last-token embeddings of the sequences of make_model.py and prints one line of JSON.
//
//   extraction_bench MODEL_FOLDER [--n_sequences N] [--batch_tokens N] [--precision bf16|fp32|fp8|int8]
//                    [--fp8_accumulate auto|fast|exact] [--attention auto|flash] [--warm_up 0|1]
//                    [--device N] [--threads N] [--share 0|1] [--kernels auto|NAME] [--batch_invariant 0|1]
//                    [--weights_memory all|BYTES] [--out FILE]
//
// --warm_up 1: all sequences once before they are timed, so that plans of attention are made.

#include <fmt/format.h>

#include <cmath>

#include "bench_files.h"
#include "core/units.h"
#include "core/words.h"
#include "model/compute_threads.h"
#include "model/cpu_kernels.h"
#include "model/extractor.h"

namespace {

using namespace armorm;
using namespace armorm::bench;

void save(const std::string& path, const std::vector<float>& states, std::int64_t width) {
  io::SafetensorsWriter writer(path, {{"states", DType::f32, {std::ssize(states) / width, width}}}, {});
  writer.append(std::span<const float>(states));
  writer.publish();
}

std::optional<std::uint64_t> memory_of(const Flags& flags) {
  const std::string& text = flags.text("weights_memory");
  if (text == "all") return std::nullopt;
  if (const auto bytes = parse_bytes(text)) return bytes;
  fail_usage("--weights_memory: '{}' is neither all nor a number of bytes", text);
}

void run(const Flags& flags) {
  model::set_compute_threads(static_cast<int>(flags.number("threads")));
  use_flagged_kernels(flags, flags.on("batch_invariant"));
  const Stopwatch loading;
  const model::Backbone backbone = model::Backbone::load(
      {.model_folder = std::filesystem::path(flags.folder),
       .precision = parse_word<Precision>("--precision", flags.text("precision")),
       .fp8_accumulate = parse_word<Fp8Accumulate>("--fp8_accumulate", flags.text("fp8_accumulate")),
       .device = static_cast<int>(flags.number("device")),
       .batch_invariant = flags.on("batch_invariant"),
       .attention = parse_word<GpuAttention>("--attention", flags.text("attention")),
       .weights_memory = memory_of(flags),
       .scratch_folder = std::filesystem::path(flags.folder)});
  const double load_seconds = loading.seconds();
  const std::int64_t load_rss = peak_rss_mib();
  const auto sequences = read_sequences(flags.folder, flags.number("n_sequences"));
  std::vector<model::ExtractionRequest> requests;
  for (const auto& tokens : sequences) requests.push_back({tokens, {std::ssize(tokens) - 1}});
  const std::int64_t width = backbone.config().hidden_size;
  std::vector<float> states(flags.text("out").empty() ? 0
                                                      : requests.size() * static_cast<std::size_t>(width));
  const auto sink = [&](std::size_t request, MatrixView<const float> row) {
    if (!states.empty())
      std::copy_n(row.data, width, states.begin() + static_cast<std::ptrdiff_t>(request) * width);
  };
  model::Extractor extractor(
      backbone, {.batch_tokens = flags.number("batch_tokens"), .share_prefixes = flags.on("share")});
  extractor.run(std::span(requests).first(flags.on("warm_up") ? requests.size() : 1), sink);
  const Stopwatch watch;
  const model::ExtractionStats stats = extractor.run(requests, sink);
  fmt::print(
      "{{\"tokens\": {}, \"seconds\": {:.4f}, \"cpu_seconds\": {:.4f}, \"peak_rss_mib\": {}, "
      "\"computed_tokens\": {}, "
      "\"saved_by_duplicates\": {}, \"saved_by_prefixes\": {}, \"passes\": {}, \"busy\": {:.4f}, "
      "\"load_seconds\": {:.3f}, "
      "\"load_peak_rss_mib\": {}, \"device\": \"{}\", \"kernels\": \"{}\"}}\n",
      stats.input_tokens, watch.seconds(), watch.cpu_seconds(), peak_rss_mib(), stats.computed_tokens,
      stats.saved_by_duplicates(), stats.saved_by_prefixes(), stats.passes, stats.busy_fraction(),
      load_seconds, load_rss, backbone.device_name(), name_of(model::kernels_in_use()));
  if (!states.empty()) save(flags.text("out"), states, width);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(armorm::bench::Flags(argc, argv,
                             {{"n_sequences", "1000000"},
                              {"batch_tokens", "0"},
                              {"precision", "bf16"},
                              {"fp8_accumulate", "auto"},
                              {"attention", "auto"},
                              {"warm_up", "0"},
                              {"device", "-1"},
                              {"threads", "2"},
                              {"share", "1"},
                              {"batch_invariant", "0"},
                              {"kernels", "auto"},
                              {"weights_memory", "all"},
                              {"out", ""}}));
    return 0;
  } catch (const armorm::Error& error) {
    fmt::print(stderr, "extraction_bench: {}\n", error.what());
    return error.exit_code();
  }
}
