#include "armorm/score.h"

#include "cli.h"
#include "stages/options/declarations.h"

int main(int argc, char** argv) {
  armorm::ScoreOptions options;
  return armorm::cli::run(
      argc, argv, "score", "Scores conversations with an ArmoRM, or evaluates it on preference data",
      armorm::stages::options::declare(options),
      [&options](const armorm::StopRequested& stop) { armorm::run_score(options, stop); });
}
