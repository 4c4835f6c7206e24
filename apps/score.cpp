#include "stages/score.h"

#include "cli.h"

int main(int argc, char** argv) {
  armorm::ScoreOptions options;
  return armorm::cli::run(argc, argv, "score",
                          "Scores conversations with an ArmoRM: score, rewards, gate and contributions",
                          options.declare(), [&options] {
                            options.validate();
                            armorm::run_score(options);
                          });
}
