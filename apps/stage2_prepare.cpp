#include "armorm/stage2_prepare.h"

#include "cli.h"
#include "stages/options/declarations.h"

int main(int argc, char** argv) {
  armorm::Stage2PrepareOptions options;
  return armorm::cli::run(
      argc, argv, "stage2-prepare", "Turns preference pairs into embeddings of chosen, rejected and prompt",
      armorm::stages::options::declare(options),
      [&options](const armorm::StopRequested& stop) { armorm::run_stage2_prepare(options, stop); });
}
