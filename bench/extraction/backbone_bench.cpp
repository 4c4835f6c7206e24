// Runs a backbone over the sequences of make_model.py and prints tokens/s, to be compared with
// transformers_loop.py.
//
//   backbone_bench MODEL_FOLDER [--n_sequences N] [--pack_tokens N] [--precision bf16|fp32] [--device N]
//   [--share]
//                  [--batch_invariant]
//                  [--out FILE]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <string>

#include "armorm/core/error.h"
#include "armorm/io/safetensors.h"
#include "armorm/model/backbone.h"

namespace {

using namespace armorm;

struct Options {
  std::string model;
  std::int64_t n_sequences = 200;
  std::int64_t pack_tokens = 4096;
  Precision precision = Precision::bf16;
  int device = -1;
  bool batch_invariant = false;
  bool share = false;  // compute the common prefix of a pair once
  std::string out;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 >= argc) fail_usage("{}: expected a value", flag);
      return argv[++i];
    };
    if (flag == "--n_sequences")
      options.n_sequences = std::stoll(value());
    else if (flag == "--pack_tokens")
      options.pack_tokens = std::stoll(value());
    else if (flag == "--precision")
      options.precision = value() == "fp32" ? Precision::fp32 : Precision::bf16;
    else if (flag == "--device")
      options.device = std::stoi(value());
    else if (flag == "--batch_invariant")
      options.batch_invariant = true;
    else if (flag == "--share")
      options.share = true;
    else if (flag == "--out")
      options.out = value();
    else
      options.model = flag;
  }
  if (options.model.empty()) fail_usage("expected the folder of make_model.py");
  return options;
}

using Tokens = std::vector<TokenId>;

std::vector<Tokens> read_sequences(const Options& options) {
  const SafetensorsFile file = SafetensorsFile::open(options.model + "/bench.safetensors");
  const auto tokens = file.at("tokens").as<std::int32_t>();
  const auto starts = file.at("cu_seqlens").as<std::int64_t>();
  std::vector<Tokens> out;
  for (std::size_t i = 0; i + 1 < starts.size() && std::ssize(out) < options.n_sequences; ++i) {
    out.emplace_back(tokens.begin() + starts[i], tokens.begin() + starts[i + 1]);
  }
  return out;
}

void append(PackedBatch& batch, std::span<const TokenId> tokens, std::int64_t prefix, bool want_last) {
  batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
  batch.cu_seqlens.push_back(std::ssize(batch.tokens));
  batch.prefix_of.push_back(prefix);
  if (want_last) batch.wanted.push_back(std::ssize(batch.tokens) - 1);
}

// Pairs stay in one pack.
void append_pair(PackedBatch& batch, const Tokens& a, const Tokens& b, bool share) {
  std::size_t common = 0;
  while (share && common + 1 < std::min(a.size(), b.size()) && a[common] == b[common]) ++common;
  std::int64_t prefix = -1;
  if (common > 0) {
    prefix = std::ssize(batch.cu_seqlens) - 1;
    append(batch, std::span(a).first(common), -1, false);
  }
  append(batch, std::span(a).subspan(common), prefix, true);
  append(batch, std::span(b).subspan(common), prefix, true);
}

std::vector<PackedBatch> make_packs(const std::vector<Tokens>& sequences, const Options& options) {
  std::vector<PackedBatch> packs;
  for (std::size_t i = 0; i + 1 < sequences.size(); i += 2) {
    const auto added = std::ssize(sequences[i]) + std::ssize(sequences[i + 1]);
    if (packs.empty() || std::ssize(packs.back().tokens) + added > options.pack_tokens) {
      packs.push_back({.tokens = {}, .cu_seqlens = {0}, .wanted = {}, .prefix_of = {}});
    }
    append_pair(packs.back(), sequences[i], sequences[i + 1], options.share);
  }
  return packs;
}

void save(const Options& options, const std::vector<float>& states, std::int64_t width) {
  const auto rows = std::ssize(states) / width;
  SafetensorsWriter writer(options.out, {{"states", DType::f32, {rows, width}}}, {});
  writer.append(std::span<const float>(states));
  writer.publish();
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void run(const Options& options) {
  const auto loading = std::chrono::steady_clock::now();
  const Backbone backbone = Backbone::load({.model_folder = options.model,
                                            .precision = options.precision,
                                            .device = options.device,
                                            .batch_invariant = options.batch_invariant});
  fmt::print("loaded in {:.2f} s on {}\n", seconds_since(loading), backbone.device_name());
  const std::int64_t width = backbone.config().hidden_size;
  const std::vector<Tokens> sequences = read_sequences(options);
  const std::vector<PackedBatch> packs = make_packs(sequences, options);
  std::vector<float> states;
  std::int64_t input_tokens = 0;
  std::int64_t computed_tokens = 0;
  for (const Tokens& tokens : sequences) input_tokens += std::ssize(tokens);
  const auto embed = [&](const PackedBatch& pack) {
    const auto rows = std::ssize(pack.wanted);
    const std::size_t filled = states.size();
    states.resize(filled + static_cast<std::size_t>(rows * width));
    backbone.embed(pack, {states.data() + filled, rows, width});
    computed_tokens += std::ssize(pack.tokens);
  };
  embed(packs.front());
  states.clear();
  computed_tokens = 0;
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t cpu_begin = std::clock();
  for (const PackedBatch& pack : packs) embed(pack);
  const double seconds = seconds_since(begin);
  // Processor time: steadier than the clock on a machine that others use too.
  const double cpu_seconds = static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC;
  fmt::print(
      "armorm: {} tokens in {:.2f} s ({:.2f} s of processor time), {:.0f} tokens/s ({} computed, {} packs)\n",
      input_tokens, seconds, cpu_seconds, static_cast<double>(input_tokens) / seconds, computed_tokens,
      packs.size());
  if (!options.out.empty()) save(options, states, width);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return 0;
  } catch (const armorm::Error& error) {
    fmt::print(stderr, "backbone_bench: {}\n", error.what());
    return error.exit_code();
  }
}
