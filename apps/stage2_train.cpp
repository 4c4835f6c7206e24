#include "armorm/stage2_train.h"

#include "cli.h"
#include "stages/options/declarations.h"

int main(int argc, char** argv) {
  armorm::Stage2TrainOptions options;
  return armorm::cli::run(
      argc, argv, "stage2-train",
      "Debiases rewards against verbosity, trains the gating network on preference embeddings and evaluates "
      "on RewardBench",
      armorm::stages::options::declare(options),
      [&options](const armorm::StopRequested& stop) { armorm::run_stage2_train(options, stop); });
}
