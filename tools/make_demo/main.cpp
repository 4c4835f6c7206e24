// armorm-make-demo: a random-weight model and data sets on which all four programs run within minutes on a
// CPU.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "bpe_trainer.h"
#include "core/error.h"
#include "data_sets.h"
#include "model_files.h"
#include "tokenizer_files.h"

namespace {

using namespace armorm;

struct Options {
  std::string output;
  std::uint64_t seed = 0;
  std::int64_t rows = 4000;
  std::int64_t pairs = 2400;
  std::int64_t reference = 500;
  std::int64_t reward_bench = 690;
  std::int64_t reward_bench_2 = 180;
  std::size_t merges = 1200;
};

void declare(CLI::App& app, Options& options) {
  app.add_option("--output", options.output, "Folder for model/ and the data sets")->required();
  app.add_option("--seed", options.seed, "Seed of weights and data")->capture_default_str();
  app.add_option("--rows", options.rows, "Rows of the multi-objective set")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--pairs", options.pairs, "Pairs of the preference set")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--reference", options.reference, "Pairs of the reference set")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--reward_bench", options.reward_bench, "Rows of the RewardBench-like set")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--reward_bench_2", options.reward_bench_2, "Rows of the set like RewardBench 2")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--merges", options.merges, "Largest number of merges of the tokenizer")
      ->capture_default_str();
}

// The tokenizer is trained on the sets and on the texts of the chat template.
std::vector<std::string> tokenizer_texts(const std::vector<std::vector<data::ParquetColumn>>& sets) {
  std::vector<std::string> texts(100, "system\n\nuser\n\nassistant\n\n");
  for (const std::vector<data::ParquetColumn>& set : sets)
    for (std::string& text : demo::texts_of(set)) texts.push_back(std::move(text));
  return texts;
}

void make_demo(const Options& options) {
  const std::filesystem::path folder = options.output;
  const auto multi_objective = demo::make_multi_objective(options.rows, options.seed);
  const auto preference = demo::make_preference(options.pairs, options.seed);
  data::write_parquet(folder / "multi-objective/data/train-00000-of-00001.parquet", multi_objective);
  data::write_parquet(folder / "preference/data/train-00000-of-00001.parquet", preference);
  data::write_parquet(folder / "reference/data/train-00000-of-00001.parquet",
                      demo::make_reference(options.reference, options.seed));
  data::write_parquet(folder / "reward-bench/data/filtered-00000-of-00001.parquet",
                      demo::make_reward_bench(options.reward_bench, options.seed));
  data::write_parquet(folder / "reward-bench-2/data/test-00000-of-00001.parquet",
                      demo::make_reward_bench_2(options.reward_bench_2, options.seed));
  const demo::BpeMerges merges =
      demo::train_bpe(tokenizer_texts({multi_objective, preference}), options.merges);
  const demo::SpecialIds ids = demo::write_tokenizer(folder / "model", merges);
  demo::write_model(folder / "model", ids, options.seed);
  std::printf(
      "%s: a model with a vocabulary of %lld, %lld labelled rows, %lld preference pairs, %lld reference "
      "pairs, "
      "%lld RewardBench rows, %lld RewardBench 2 rows\n",
      options.output.c_str(), static_cast<long long>(ids.vocab_size), static_cast<long long>(options.rows),
      static_cast<long long>(options.pairs), static_cast<long long>(options.reference),
      static_cast<long long>(options.reward_bench), static_cast<long long>(options.reward_bench_2));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Makes a small random-weight Llama model and data sets that show what ArmoRM does",
               "armorm-make-demo");
  declare(app, options);
  try {
    app.parse(argc, argv);
    make_demo(options);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(armorm::ErrorKind::usage);
  } catch (const armorm::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return static_cast<int>(armorm::ErrorKind::internal);
  }
  return 0;
}
