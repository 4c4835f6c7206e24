#include "model/cuda/cudnn_attention.h"

#include <ATen/Context.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cudnn/Handle.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <fmt/core.h>

#include <memory>
#include <mutex>
#include <utility>

#include "core/log.h"
#include "model/common/recent_cache.h"
#include "model/cuda/cudnn_graph.h"

namespace armorm::model::cuda {
namespace {

constexpr std::size_t kKeptGraphs = 64;
constexpr int kLeastCapability = 90;  // of packed sequences in cuDNN

std::string version_text(std::size_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

int capability_of(c10::DeviceIndex device) {
  const auto* properties = at::cuda::getDeviceProperties(device);
  return properties->major * 10 + properties->minor;
}

std::shared_ptr<const CudnnGraph> build_graph(c10::DeviceIndex device, const PackedShape& shape) {
  auto graph = std::make_shared<CudnnGraph>(shape, capability_of(device));
  std::string reason = graph->validate();
  if (reason.empty()) reason = graph->build(at::native::getCudnnHandle());
  if (reason.empty()) {
    log::debug("cuDNN: a plan for {}", text_of(shape));
    return graph;
  }
  log::debug("cuDNN has no plan for {}: {}", text_of(shape), reason);
  return nullptr;
}

// Of all devices and threads.
class Graphs {
 public:
  // nullptr where cuDNN has no plan, which is kept too. The device is the current one.
  std::shared_ptr<const CudnnGraph> get(c10::DeviceIndex device, const PackedShape& shape) {
    const std::lock_guard lock(mutex_);
    return graphs_.get({device, shape}, [&] { return build_graph(device, shape); });
  }

  // From now on the shape has no plan.
  void remove(c10::DeviceIndex device, const PackedShape& shape) {
    const std::lock_guard lock(mutex_);
    graphs_.get({device, shape}, [] { return nullptr; }) = nullptr;
  }

 private:
  using Key = std::pair<c10::DeviceIndex, PackedShape>;

  std::mutex mutex_;
  RecentCache<Key, std::shared_ptr<const CudnnGraph>> graphs_{kKeptGraphs};
};

Graphs& graphs() {
  static auto* all = new Graphs;  // never destroyed: the driver may be gone before static objects
  return *all;
}

// First rows to offsets in elements.
at::Tensor offsets(const at::Tensor& first_rows, std::int64_t row) { return first_rows.mul(row); }

std::string run(const CudnnGraph& graph, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                const at::Tensor& table, at::Tensor& out) {
  const at::Tensor workspace = at::empty({graph.workspace_bytes()}, q.options().dtype(at::kByte));
  const at::Tensor q_offsets = offsets(table[0], q.stride(0));
  const at::Tensor k_offsets = offsets(table[1], k.stride(0));
  const at::Tensor v_offsets = v.stride(0) == k.stride(0) ? k_offsets : offsets(table[1], v.stride(0));
  const at::Tensor out_offsets = offsets(table[0], out.stride(0));
  const GraphPointers pointers{.q = q.const_data_ptr(),
                               .k = k.const_data_ptr(),
                               .v = v.const_data_ptr(),
                               .out = out.mutable_data_ptr(),
                               .q_lengths = table[2].const_data_ptr(),
                               .kv_lengths = table[3].const_data_ptr(),
                               .q_offsets = q_offsets.const_data_ptr(),
                               .k_offsets = k_offsets.const_data_ptr(),
                               .v_offsets = v_offsets.const_data_ptr(),
                               .out_offsets = out_offsets.const_data_ptr()};
  return graph.run(at::native::getCudnnHandle(), pointers, workspace.mutable_data_ptr());
}

}  // namespace

std::string cudnn_name() {
  const std::size_t version = loaded_cudnn();
  return version == 0 ? "" : "cuDNN " + version_text(version);
}

std::string why_no_cudnn(at::Device device) {
  const std::size_t version = loaded_cudnn();
  if (version == 0) return "LibTorch has loaded no cuDNN";
  if (version / 100 != built_cudnn() / 100)
    return fmt::format("LibTorch has loaded cuDNN {}, and this build is for {}", version_text(version),
                       version_text(built_cudnn()));
  if (!device.is_cuda() || device.index() >= static_cast<int>(at::getNumGPUs()))
    return "there is no such GPU";
  if (const int capability = capability_of(device.index()); capability < kLeastCapability)
    return fmt::format("it takes compute capability 9.0, and the device has {}.{}", capability / 10,
                       capability % 10);
  return "";
}

std::string why_no_graph(const PackedShape& shape, int capability, const std::string& device) {
  if (loaded_cudnn() == 0) return "LibTorch has loaded no cuDNN";
  CudnnGraph graph(shape, capability);
  const std::string reason = graph.validate();
  return reason.empty() ? graph.lower(device) : reason;
}

std::optional<at::Tensor> cudnn_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                          const AttentionPlan& plan, const AttentionOptions& options) {
  if (!why_no_shape(q, k, v, plan).empty()) return std::nullopt;
  const c10::cuda::CUDAGuard guard(q.device());
  const PackedShape shape = packed_shape(q, k, v, plan, options);
  const auto graph = graphs().get(q.get_device(), shape);
  if (graph == nullptr) return std::nullopt;
  at::Tensor out = at::empty(q.sizes(), q.options());
  const std::string reason = run(*graph, q, k, v, plan.table, out);
  if (reason.empty()) return out;
  log::warn("cuDNN refuses its own plan for {}, which no longer uses it: {}", text_of(shape), reason);
  graphs().remove(q.get_device(), shape);
  return std::nullopt;
}

}  // namespace armorm::model::cuda
