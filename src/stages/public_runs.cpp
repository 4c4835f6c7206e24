// The runs of the public interface: options are checked, and no exception of LibTorch leaves them.
#include "core/stop_point.h"
#include "model/torch_errors.h"
#include "stages/score.h"
#include "stages/serve.h"
#include "stages/stage1_prepare.h"
#include "stages/stage1_train.h"
#include "stages/stage2_prepare.h"
#include "stages/stage2_train.h"

namespace armorm {
namespace {

using stages::options::StageEnvironment;

template <class Options, class Run>
void checked(const Options& options, const StopRequested& stop, const Run& run) {
  options.validate();
  const StopScope scope(&stop);
  model::translate_torch_errors([&] { run(StageEnvironment{.stop_requested = stop}); });
}

}  // namespace

std::filesystem::path run_stage1_prepare(const Stage1PrepareOptions& options, const StopRequested& stop) {
  std::filesystem::path shard;
  checked(options, stop, [&](const StageEnvironment& environment) {
    shard = stages::run_stage1_prepare(options, environment);
  });
  return shard;
}

void run_stage1_train(const Stage1TrainOptions& options, const StopRequested& stop) {
  checked(options, stop,
          [&](const StageEnvironment& environment) { stages::run_stage1_train(options, environment); });
}

std::filesystem::path run_stage2_prepare(const Stage2PrepareOptions& options, const StopRequested& stop) {
  std::filesystem::path shard;
  checked(options, stop, [&](const StageEnvironment& environment) {
    shard = stages::run_stage2_prepare(options, environment);
  });
  return shard;
}

void run_stage2_train(const Stage2TrainOptions& options, const StopRequested& stop) {
  checked(options, stop,
          [&](const StageEnvironment& environment) { stages::run_stage2_train(options, environment); });
}

void run_serve(const ServeOptions& options, const StopRequested& stop) {
  checked(options, stop,
          [&](const StageEnvironment& environment) { stages::run_serve(options, environment); });
}

void run_score(const ScoreOptions& options, const StopRequested& stop) {
  checked(options, stop,
          [&](const StageEnvironment& environment) { stages::run_score(options, environment); });
}

}  // namespace armorm
