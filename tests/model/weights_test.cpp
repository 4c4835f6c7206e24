// Errors when weights and configuration disagree.
#include <fstream>
#include <functional>

#include "model/model_test_support.h"

namespace armorm::model {
namespace {

using namespace test;
namespace fs = std::filesystem;

struct StoredTensor {
  io::TensorSpec spec;
  std::vector<std::byte> bytes;
};

// A copy of a golden model whose tensors `change` has edited.
void write_model(const fs::path& folder, const std::string& model,
                 const std::function<void(std::vector<StoredTensor>&)>& change) {
  fs::copy_file(golden_model(model) / "config.json", folder / "config.json");
  const io::SafetensorsFile file = io::SafetensorsFile::open(golden_model(model) / "model.safetensors");
  std::vector<StoredTensor> tensors;
  for (const std::string& name : file.names()) {
    const io::TensorView view = file.at(name);
    tensors.push_back({{name, view.dtype, view.shape}, {view.bytes.begin(), view.bytes.end()}});
  }
  change(tensors);
  std::vector<io::TensorSpec> specs;
  for (const StoredTensor& tensor : tensors) specs.push_back(tensor.spec);
  io::SafetensorsWriter writer(folder / "model.safetensors", specs, {});
  for (const StoredTensor& tensor : tensors) writer.append(std::span<const std::byte>(tensor.bytes));
  writer.publish();
}

StoredTensor& find(std::vector<StoredTensor>& tensors, const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const StoredTensor& t) { return t.spec.name == name; });
  REQUIRE(found != tensors.end());
  return *found;
}

Backbone load(const fs::path& folder) {
  return Backbone::load({.model_folder = folder, .precision = Precision::fp32, .device = -1});
}

std::string data_error_of(const std::function<void(std::vector<StoredTensor>&)>& change) {
  const TempDir folder;
  write_model(folder.path(), "llama_gqa", change);
  try {
    load(folder.path());
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    return error.what();
  }
  return "accepted";
}

constexpr const char* kDown = "model.layers.1.mlp.down_proj.weight";

}  // namespace

TEST_CASE("a missing tensor is named", "[unit]") {
  const std::string message = data_error_of([](auto& tensors) {
    std::erase_if(tensors, [](const StoredTensor& t) { return t.spec.name == kDown; });
  });
  CHECK_THAT(message, Catch::Contains(kDown));
}

TEST_CASE("a tensor of another shape is named with both shapes", "[unit]") {
  const std::string message = data_error_of([](auto& tensors) {
    std::swap(find(tensors, kDown).spec.shape[0], find(tensors, kDown).spec.shape[1]);
  });
  CHECK_THAT(message, Catch::Contains(kDown) && Catch::Contains("[80, 48]") && Catch::Contains("[48, 80]"));
}

TEST_CASE("a tensor of whole numbers is refused", "[unit]") {
  const std::string message =
      data_error_of([](auto& tensors) { find(tensors, kDown).spec.dtype = DType::i16; });
  CHECK_THAT(message, Catch::Contains(kDown) && Catch::Contains("I16"));
}

TEST_CASE("heads of any kind are left aside, prefixed or not", "[unit]") {
  PackedBatch batch = test::pack({{3, 1, 4, 1, 5}});
  test::want_all(batch);
  const std::vector<float> expected = test::embed(test::load_cpu("llama_gqa"), batch);
  const test::TempDir folder;
  write_model(folder.path(), "llama_gqa", [](std::vector<StoredTensor>& tensors) {
    for (StoredTensor& tensor : tensors) {
      if (tensor.spec.name.starts_with("model.")) tensor.spec.name = tensor.spec.name.substr(6);
    }
    const std::vector<std::byte> four(4);
    for (const char* name : {"regression_layer.weight", "gating.logit_scale", "gating.layers.0.weight",
                             "lm_head.weight", "reward_transform_matrix"}) {
      tensors.push_back({{name, DType::f32, {1}}, four});
    }
  });
  CHECK(test::embed(load(folder.path()), batch) == expected);
}

TEST_CASE("a device that is not there is a usage error", "[unit]") {
  for (const int device : {-2, 1000}) {
    try {
      Backbone::load({.model_folder = test::golden_model("llama_gqa"), .device = device});
      FAIL("accepted device " << device);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      CHECK_THAT(error.what(), Catch::Contains(std::to_string(device)));
    }
  }
}

TEST_CASE("a backbone says where it runs and what is free", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_gqa");
  CHECK(backbone.device_name() == "cpu");
  CHECK(backbone.free_memory() > std::int64_t{1} << 20);
}

}  // namespace armorm::model
