// Answers to prompts that come in calls of one: extraction with a cache of prompts compared with none. Prints
// one line of JSON; fails if the states differ in any bit.
//
//   prompt_cache_bench MODEL_FOLDER [--prompts N] [--answers N] [--prompt_tokens N] [--answer_tokens N]
//                      [--cache_bytes BYTES] [--precision bf16|fp32|int8] [--device N] [--threads N]
//                      [--kernels auto|NAME]
//
// The tokens are random. The answers to a prompt come one call after another.

#include <fmt/format.h>

#include <random>

#include "bench_files.h"
#include "core/units.h"
#include "model/compute_threads.h"
#include "model/extractor.h"

namespace {

using namespace armorm;
using namespace armorm::bench;
using Tokens = std::vector<text::tokenizer::TokenId>;

struct Answers {
  std::vector<Tokens> sequences;
  std::int64_t prompt = 0;
};

Answers random_answers(const Flags& flags, std::int64_t vocab_size) {
  std::mt19937_64 random(0);
  const auto draw = [&](std::int64_t count, Tokens& tokens) {
    for (std::int64_t i = 0; i < count; ++i)
      tokens.push_back(
          static_cast<text::tokenizer::TokenId>(random() % static_cast<std::uint64_t>(vocab_size)));
  };
  Answers out{{}, flags.number("prompt_tokens")};
  for (std::int64_t p = 0; p < flags.number("prompts"); ++p) {
    Tokens prompt;
    draw(out.prompt, prompt);
    for (std::int64_t a = 0; a < flags.number("answers"); ++a)
      draw(flags.number("answer_tokens"), out.sequences.emplace_back(prompt));
  }
  return out;
}

struct Measured {
  std::int64_t computed_tokens = 0;
  double seconds = 0.0;
  double cpu_seconds = 0.0;
  std::vector<float> states;
};

Measured measure(const model::Backbone& backbone, const Answers& answers, std::uint64_t cache_bytes) {
  model::Extractor extractor(backbone, {.prefix_cache_bytes = cache_bytes});
  Measured out;
  const auto sink = [&](std::size_t, MatrixView<const float> rows) {
    out.states.insert(out.states.end(), rows.data, rows.data + rows.rows * rows.cols);
  };
  const Stopwatch watch;
  for (const Tokens& tokens : answers.sequences) {
    const model::ExtractionRequest request{tokens, {std::ssize(tokens) - 1, answers.prompt}, answers.prompt};
    out.computed_tokens += extractor.run(std::span(&request, 1), sink).computed_tokens;
  }
  out.seconds = watch.seconds();
  out.cpu_seconds = watch.cpu_seconds();
  return out;
}

void run(const Flags& flags) {
  model::set_compute_threads(static_cast<int>(flags.number("threads")));
  use_flagged_kernels(flags, true);
  const auto bytes = parse_bytes(flags.text("cache_bytes"));
  if (!bytes) fail_usage("--cache_bytes: '{}' is no number of bytes", flags.text("cache_bytes"));
  const model::Backbone backbone =
      model::Backbone::load({.model_folder = std::filesystem::path(flags.folder),
                             .precision = parse_word<Precision>("--precision", flags.text("precision")),
                             .device = static_cast<int>(flags.number("device")),
                             .batch_invariant = true});
  const Answers answers = random_answers(flags, backbone.config().vocab_size);
  measure(backbone, {{answers.sequences.front()}, answers.prompt}, 0);
  const Measured plain = measure(backbone, answers, 0);
  const Measured cached = measure(backbone, answers, *bytes);
  if (plain.states != cached.states) fail_internal("the states differ with and without the cache");
  fmt::print(
      "{{\"computed_tokens\": [{}, {}], \"seconds\": [{:.3f}, {:.3f}], \"cpu_seconds\": [{:.3f}, {:.3f}], "
      "\"tokens_ratio\": {:.3f}, \"cpu_ratio\": {:.3f}, \"kernels\": \"{}\"}}\n",
      plain.computed_tokens, cached.computed_tokens, plain.seconds, cached.seconds, plain.cpu_seconds,
      cached.cpu_seconds,
      static_cast<double>(plain.computed_tokens) / static_cast<double>(cached.computed_tokens),
      plain.cpu_seconds / cached.cpu_seconds, name_of(model::kernels_in_use()));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(armorm::bench::Flags(argc, argv,
                             {{"prompts", "4"},
                              {"answers", "8"},
                              {"prompt_tokens", "400"},
                              {"answer_tokens", "100"},
                              {"cache_bytes", "1G"},
                              {"precision", "bf16"},
                              {"device", "-1"},
                              {"threads", "2"},
                              {"kernels", "auto"}}));
    return 0;
  } catch (const armorm::Error& error) {
    fmt::print(stderr, "prompt_cache_bench: {}\n", error.what());
    return error.exit_code();
  }
}
