// Scores one answer with an ArmoRM on the CPU, and prints the contribution of each attribute to the score.
#include <armorm/error.h>
#include <armorm/reward_scorer.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: embed MODEL PROMPT RESPONSE\n", stderr);
    return 2;
  }
  try {
    const auto scorer = armorm::RewardScorer::load({.model_path = argv[1], .device = -1});
    const armorm::ConversationScore result = scorer.score({{"user", argv[2]}, {"assistant", argv[3]}});
    if (!result.ok()) throw armorm::Error(armorm::ErrorKind::data, result.error);
    std::printf("score %.9g\n", result.score);
    for (std::size_t k = 0; k < result.contributions.size(); ++k)
      std::printf("%s %.9g\n", scorer.attributes()[k].c_str(), result.contributions[k]);
  } catch (const armorm::Error& error) {
    std::fprintf(stderr, "embed: %s\n", error.what());
    return error.exit_code();
  }
}
