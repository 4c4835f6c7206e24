#include "stages/options/declarations.h"

#include <set>

namespace armorm::stages::options {

std::vector<std::string> all_option_names() {
  std::set<std::string> names;
  const auto collect = [&names](const std::vector<OptionValue>& options) {
    for (const OptionValue& option : options) names.insert(option.name);
  };
  collect(describe(Stage1PrepareOptions{}));
  collect(describe(Stage1TrainOptions{}));
  collect(describe(Stage2PrepareOptions{}));
  collect(describe(Stage2TrainOptions{}));
  collect(describe(ScoreOptions{}));
  collect(describe(ServeOptions{}));
  return {names.begin(), names.end()};
}

std::string with_flags(const std::string& message) {
  static const std::vector<std::string> names = all_option_names();
  return armorm::with_flags(message, names);
}

}  // namespace armorm::stages::options
