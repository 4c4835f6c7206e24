// Hidden states compared with transformers, for every architecture and file layout of a model.
#include <algorithm>

#include "model/gpu_test_support.h"
#include "model/kernels_test_support.h"
#include "model/model_test_support.h"

namespace armorm::model {
namespace {

using namespace test;

std::vector<std::vector<text::tokenizer::TokenId>> token_lists(const std::vector<GoldenSequence>& sequences) {
  std::vector<std::vector<text::tokenizer::TokenId>> out;
  for (const auto& sequence : sequences) out.push_back(sequence.tokens);
  return out;
}

std::vector<float> all_states(int device, const std::string& model, Precision precision,
                              const std::vector<GoldenSequence>& sequences) {
  PackedBatch batch = pack(token_lists(sequences));
  want_all(batch);
  return embed(load_on(device, model, precision), batch);
}

std::vector<float> joined(const std::vector<GoldenSequence>& sequences,
                          const std::vector<float> GoldenSequence::*member) {
  std::vector<float> out;
  for (const auto& sequence : sequences) {
    out.insert(out.end(), (sequence.*member).begin(), (sequence.*member).end());
  }
  return out;
}

void check_float32(int device) {
  for (const std::string& model : golden_models()) {
    CAPTURE(model);
    const auto sequences = golden_sequences(model);
    REQUIRE(sequences.size() >= 2);
    const double difference = max_difference(all_states(device, model, Precision::fp32, sequences),
                                             joined(sequences, &GoldenSequence::fp32));
    INFO("max difference " << difference);
    CHECK(difference <= (device == kCpu ? 2e-5 : kCudaStatesBound));
  }
}

void check_bfloat16(int device) {
  for (const std::string& model : golden_models()) {
    CAPTURE(model);
    const auto sequences = golden_sequences(model);
    const std::vector<float> exact = joined(sequences, &GoldenSequence::fp32);
    const double ours = squared_error(all_states(device, model, Precision::bf16, sequences), exact);
    const double theirs = squared_error(joined(sequences, &GoldenSequence::bf16), exact);
    INFO("error relative to transformers " << std::sqrt(ours / theirs));
    CHECK(std::sqrt(ours / theirs) <= 1.05);
    // A computation that secretly used float32 would pass the line above.
    CHECK(ours > 0.01 * theirs);
  }
}

}  // namespace

TEST_CASE("float32 hidden states equal those of transformers", "[golden]") {
  with_every_kernels(Precision::fp32, false, [] { check_float32(test::kCpu); });
}

TEST_CASE("bfloat16 hidden states are as close to float32 as those of transformers", "[golden]") {
  with_every_kernels(Precision::bf16, false, [] { check_bfloat16(test::kCpu); });
}

TEST_CASE("on CUDA, float32 hidden states equal those of transformers", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_float32(0);
}

TEST_CASE("on CUDA, bfloat16 hidden states are as close to float32 as those of transformers", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_bfloat16(0);
}

}  // namespace armorm::model
