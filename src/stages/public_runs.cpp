// The runs of the public interface: options are checked, and no exception of LibTorch leaves them.
#include "model/torch_errors.h"
#include "stages/score.h"
#include "stages/stage1_prepare.h"
#include "stages/stage1_train.h"
#include "stages/stage2_prepare.h"
#include "stages/stage2_train.h"

namespace armorm::stages {
namespace {

template <class Options, class Run>
void checked(const Options& options, const Run& run) {
  options.validate();
  model::translate_torch_errors(run);
}

}  // namespace

std::filesystem::path run_stage1_prepare(const Stage1PrepareOptions& options, const StopRequested& stop) {
  std::filesystem::path shard;
  checked(options,
          [&] { shard = run_stage1_prepare(options, options::StageEnvironment{.stop_requested = stop}); });
  return shard;
}

}  // namespace armorm::stages

namespace armorm {

void run_stage1_train(const Stage1TrainOptions& options) {
  stages::checked(options, [&] { stages::run_stage1_train(options, stages::options::StageEnvironment{}); });
}

}  // namespace armorm

namespace armorm::stages {

std::filesystem::path run_stage2_prepare(const Stage2PrepareOptions& options, const StopRequested& stop) {
  std::filesystem::path shard;
  checked(options,
          [&] { shard = run_stage2_prepare(options, options::StageEnvironment{.stop_requested = stop}); });
  return shard;
}

void run_stage2_train(const Stage2TrainOptions& options, const StopRequested& stop) {
  checked(options, [&] { run_stage2_train(options, options::StageEnvironment{.stop_requested = stop}); });
}

void run_score(const ScoreOptions& options, const StopRequested& stop) {
  checked(options, [&] { run_score(options, options::StageEnvironment{.stop_requested = stop}); });
}

}  // namespace armorm::stages
