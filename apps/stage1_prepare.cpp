#include "armorm/stage1_prepare.h"

#include "cli.h"
#include "stages/options/declarations.h"

int main(int argc, char** argv) {
  armorm::Stage1PrepareOptions options;
  return armorm::cli::run(
      argc, argv, "stage1-prepare",
      "Turns the conversations of a multi-objective data set into last-token embeddings of a frozen reward "
      "model",
      armorm::stages::options::declare(options),
      [&options](const armorm::StopRequested& stop) { armorm::run_stage1_prepare(options, stop); });
}
