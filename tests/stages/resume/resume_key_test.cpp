#include "stages/resume/resume_key.h"

#include <cstdlib>

#include "core/hash.h"
#include "stages/gate/gate_training.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::resume;
using namespace armorm::test;
using Catch::Matchers::Contains;

TEST_CASE("the kernels of the CPU and LibTorch's version are of the key", "[unit]") {
  const ResumeKey key = arithmetic_key(-1, 3);
  CHECK(key.at("device") == "cpu, 3 threads");
  CHECK_FALSE(key.at("LibTorch").empty());
  CHECK_THAT(key.at("CPU kernels"), Contains("x86-64") && Contains("brgemm"));
  setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
  const ResumeKey limited = arithmetic_key(-1, 3);
  unsetenv("ONEDNN_MAX_CPU_ISA");
  CHECK_THAT(differences_of(key, limited),
             Contains("CPU kernels (") && Contains("ONEDNN_MAX_CPU_ISA=AVX2 now)"));
  CHECK_FALSE(arithmetic_key(0, 3).contains("CPU kernels"));
}

TEST_CASE("only digests are shortened in what differs", "[unit]") {
  const std::string one = sha256_hex("1"), other = sha256_hex("2");
  CHECK(differences_of({{"weights", one}}, {{"weights", other}}) ==
        "weights (" + one.substr(0, 12) + "... then, " + other.substr(0, 12) + "... now)");
  CHECK(differences_of({{"device", "cpu, 8 threads"}}, {{"device", "cuda NVIDIA H100 80GB HBM3"}}) ==
        "device (cpu, 8 threads then, cuda NVIDIA H100 80GB HBM3 now)");
}

TEST_CASE("a gate training's key knows the prompts of the pairs and all shapes", "[unit]") {
  std::vector<float> rewards{1, 2, 3, 4};
  std::vector<BFloat16> prompts(8, BFloat16::from_float(1.0F));
  std::vector<std::int64_t> chosen{0, 1}, rejected{0, 1};
  const Stage2TrainOptions options;
  const auto key = [&](std::int64_t attributes, std::int64_t width) {
    gating::PairData pairs;
    pairs.chosen = pairs.rejected = MatrixView<const float>(rewards.data(), 4 / attributes, attributes);
    pairs.prompts = MatrixView<const BFloat16>(prompts.data(), 8 / width, width);
    pairs.chosen_prompt = chosen;
    pairs.rejected_prompt = rejected;
    return stages::gate::training_key(options, pairs);
  };
  const ResumeKey before = key(2, 4);
  CHECK(key(2, 4) == before);
  chosen = {1, 0};
  CHECK_THAT(differences_of(before, key(2, 4)), Contains("prompts of the pairs ("));
  chosen = {0, 1};
  rejected = {1, 1};
  CHECK_THAT(differences_of(before, key(2, 4)), Contains("prompts of the pairs ("));
  rejected = {0, 1};
  CHECK_THAT(differences_of(before, key(2, 2)), Contains("prompt embeddings ("));
  CHECK_THAT(differences_of(before, key(1, 4)),
             Contains("rewards of the chosen (") && Contains("rewards of the rejected ("));
}
