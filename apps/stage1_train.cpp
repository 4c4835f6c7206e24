#include "armorm/stage1_train.h"

#include "cli.h"
#include "stages/options/declarations.h"

int main(int argc, char** argv) {
  armorm::Stage1TrainOptions options;
  return armorm::cli::run(
      argc, argv, "stage1-train",
      "Fits one ridge regression per attribute on the embeddings of stage1-prepare",
      armorm::stages::options::declare(options),
      [&options](const armorm::StopRequested& stop) { armorm::run_stage1_train(options, stop); });
}
