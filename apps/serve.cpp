#include "armorm/serve.h"

#include "cli.h"
#include "stages/options/declarations.h"

int main(int argc, char** argv) {
  armorm::ServeOptions options;
  return armorm::cli::run(
      argc, argv, "serve", "Serves the scores of an ArmoRM over HTTP, to RLHF trainers and other clients",
      armorm::stages::options::declare(options),
      [&options](const armorm::StopRequested& stop) { armorm::run_serve(options, stop); });
}
