// The folders of a model.
#pragma once

#include <filesystem>
#include <utility>

namespace armorm::model {

struct ModelFolder {
  ModelFolder() = default;
  // A model in one folder. NOLINTNEXTLINE(google-explicit-constructor)
  ModelFolder(std::filesystem::path path) : folder(std::move(path)), base(folder) {}
  ModelFolder(std::filesystem::path path, std::filesystem::path base_model)
      : folder(std::move(path)), base(std::move(base_model)) {}

  std::filesystem::path folder;  // as chosen; an adapter's, if it holds adapter_config.json
  std::filesystem::path base;    // config.json and weights
};

}  // namespace armorm::model
