#include "armorm/stages/stage1_prepare.h"

#include "cli.h"

int main(int argc, char** argv) {
  armorm::Stage1PrepareOptions options;
  return armorm::cli::run(argc, argv, "stage1-prepare",
                          "Turns the conversations of a multi-objective data set into last-token embeddings of a frozen reward model",
                          options.declare(), [&options] {
                            options.validate();
                            armorm::run_stage1_prepare(options);
                          });
}
