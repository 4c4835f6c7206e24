#include "model/cuda/cudnn_graph.h"

#include <cudnn_frontend.h>
#include <dlfcn.h>

#include <exception>
#include <optional>
#include <unordered_map>
#include <vector>

// The front end looks cuDNN's functions up in this library.
void* cudnn_frontend::cudnn_dlhandle = nullptr;

namespace armorm::model::cuda {
namespace {

namespace fe = cudnn_frontend;
namespace modifiers = fe::graph::attn::score_modifiers;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

enum Uid : std::int64_t {
  kQ = 1,
  kK,
  kV,
  kOut,
  kQLengths,
  kKvLengths,
  kQOffsets,
  kKOffsets,
  kVOffsets,
  kOutOffsets
};

// LibTorch's GPU library needs libcudnn, so it is in the process already; another one is never loaded.
void* find_library() {
  const std::string name = "libcudnn.so." + std::to_string(CUDNN_MAJOR);
  return dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD);
}

// The front end reports most errors, and throws some.
template <class Call>
std::string reason_of(const Call& call) {
  try {
    fe::error_t error = call();
    if (error.is_good()) return "";
    const std::string message = error.get_message();
    return message.empty() ? "unknown error" : message;
  } catch (const std::exception& error) {
    return error.what();
  }
}

Tensor integers(fe::graph::Graph& graph, Uid uid, std::int64_t count) {
  return graph.tensor(fe::graph::Tensor_attributes()
                          .set_name("integers_" + std::to_string(uid))
                          .set_uid(uid)
                          .set_dim({count, 1, 1, 1})
                          .set_stride({1, 1, 1, 1})
                          .set_data_type(fe::DataType_t::INT32));
}

// [sequences, heads, longest, head_dim] whose sequences begin at the offsets.
struct Ragged {
  std::int64_t heads;
  std::int64_t longest;
  std::int64_t row;
};

void lay_out(fe::graph::Tensor_attributes& tensor, const PackedShape& shape, const Ragged& layout,
             const Tensor& offsets) {
  tensor.set_dim({shape.sequences, layout.heads, layout.longest, shape.head_dim})
      .set_stride({layout.longest * layout.row, shape.head_dim, layout.row, 1})
      .set_ragged_offset(offsets);
}

Tensor ragged_input(fe::graph::Graph& graph, Uid uid, Uid offsets, const PackedShape& shape,
                    const Ragged& layout) {
  fe::graph::Tensor_attributes tensor;
  tensor.set_name("input_" + std::to_string(uid)).set_uid(uid);
  lay_out(tensor, shape, layout, integers(graph, offsets, shape.sequences + 1));
  return graph.tensor(tensor);
}

struct Lengths {
  Tensor q;
  Tensor kv;
};

std::optional<std::int64_t> left_bound(const PackedShape& shape) {
  return shape.window > 0 ? std::optional(shape.window) : std::nullopt;
}

void add_mask(fe::graph::SDPA_attributes& attention, const PackedShape& shape) {
  attention.set_padding_mask(true)
      .set_diagonal_alignment(fe::DiagonalAlignment_t::BOTTOM_RIGHT)
      .set_diagonal_band_right_bound(0);
  if (const auto left = left_bound(shape)) attention.set_diagonal_band_left_bound(static_cast<int>(*left));
}

// cuDNN takes a modifier of the scores only in place of its own masks, which therefore follow here.
void add_softcap(fe::graph::SDPA_attributes& attention, fe::graph::Graph& graph, const PackedShape& shape,
                 const Lengths& lengths) {
  const Tensor cap = graph.tensor(static_cast<float>(shape.softcap));
  attention.set_score_mod([=](std::shared_ptr<fe::graph::Graph> scores_graph, Tensor scores) {
    scores = modifiers::Softcap().forward(scores_graph, scores, cap);
    scores = modifiers::padding_mask(scores_graph, scores, lengths.kv, lengths.q);
    return modifiers::sliding_window_mask(scores_graph, scores, fe::DiagonalAlignment_t::BOTTOM_RIGHT,
                                          left_bound(shape), 0, shape.longest_q, shape.longest_kv, lengths.q,
                                          lengths.kv);
  });
}

std::shared_ptr<fe::graph::Graph> make_graph(const PackedShape& shape, int capability) {
  auto graph = std::make_shared<fe::graph::Graph>();
  graph->set_io_data_type(fe::DataType_t::BFLOAT16)
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT)
      .set_sm_version(capability);
  const Tensor q = ragged_input(*graph, kQ, kQOffsets, shape, {shape.heads, shape.longest_q, shape.q_row});
  const Tensor k =
      ragged_input(*graph, kK, kKOffsets, shape, {shape.kv_heads, shape.longest_kv, shape.k_row});
  const Tensor v =
      ragged_input(*graph, kV, kVOffsets, shape, {shape.kv_heads, shape.longest_kv, shape.v_row});
  const Lengths lengths{integers(*graph, kQLengths, shape.sequences),
                        integers(*graph, kKvLengths, shape.sequences)};
  fe::graph::SDPA_attributes attention;
  attention.set_name("attention").set_generate_stats(false).set_attn_scale(static_cast<float>(shape.scale));
  attention.set_seq_len_q(lengths.q).set_seq_len_kv(lengths.kv);
  if (shape.softcap > 0.0) {
    add_softcap(attention, *graph, shape, lengths);
  } else {
    add_mask(attention, shape);
  }
  const Tensor out = graph->sdpa(q, k, v, attention)[0];
  out->set_output(true).set_uid(kOut);
  lay_out(*out, shape, {shape.heads, shape.longest_q, shape.heads * shape.head_dim},
          integers(*graph, kOutOffsets, shape.sequences + 1));
  return graph;
}

}  // namespace

std::size_t loaded_cudnn() {
  static const std::size_t version = [] {
    fe::cudnn_dlhandle = find_library();
    if (fe::cudnn_dlhandle == nullptr) return std::size_t{0};
    auto* get_version =
        reinterpret_cast<decltype(&cudnnGetVersion)>(dlsym(fe::cudnn_dlhandle, "cudnnGetVersion"));
    return get_version == nullptr ? std::size_t{0} : get_version();
  }();
  return version;
}

std::size_t built_cudnn() { return CUDNN_VERSION; }

struct CudnnGraph::Impl {
  PackedShape shape;
  int capability;
  std::shared_ptr<fe::graph::Graph> graph;
};

CudnnGraph::CudnnGraph(const PackedShape& shape, int capability)
    : impl_(std::make_unique<Impl>(Impl{shape, capability, nullptr})) {}

CudnnGraph::~CudnnGraph() = default;

std::string CudnnGraph::validate() {
  return reason_of([&] {
    impl_->graph = make_graph(impl_->shape, impl_->capability);
    return impl_->graph->validate();
  });
}

std::string CudnnGraph::lower(const std::string& device) {
  auto properties = std::make_shared<fe::DeviceProperties>();
  const std::vector<std::uint8_t> json(device.begin(), device.end());
  const std::string reason = reason_of([&] { return properties->deserialize(json); });
  if (!reason.empty()) return reason;
  impl_->graph->set_device_properties(properties);
  return reason_of([&] { return impl_->graph->build_operation_graph(); });
}

std::string CudnnGraph::build(cudnnContext* handle) {
  fe::graph::Graph& graph = *impl_->graph;
  std::string reason = reason_of([&] { return graph.build_operation_graph(handle); });
  if (reason.empty()) reason = reason_of([&] { return graph.create_execution_plans({fe::HeurMode_t::A}); });
  if (reason.empty()) reason = reason_of([&] { return graph.check_support(); });
  if (reason.empty()) reason = reason_of([&] { return graph.build_plans(); });
  return reason;
}

std::int64_t CudnnGraph::workspace_bytes() const { return impl_->graph->get_workspace_size(); }

std::string CudnnGraph::run(cudnnContext* handle, const GraphPointers& pointers, void* workspace) const {
  const auto address = [](const void* pointer) { return const_cast<void*>(pointer); };
  std::unordered_map<std::int64_t, void*> pack{{kQ, address(pointers.q)},
                                               {kK, address(pointers.k)},
                                               {kV, address(pointers.v)},
                                               {kOut, pointers.out},
                                               {kQLengths, address(pointers.q_lengths)},
                                               {kKvLengths, address(pointers.kv_lengths)},
                                               {kQOffsets, address(pointers.q_offsets)},
                                               {kKOffsets, address(pointers.k_offsets)},
                                               {kVOffsets, address(pointers.v_offsets)},
                                               {kOutOffsets, address(pointers.out_offsets)}};
  return reason_of([&] { return impl_->graph->execute(handle, pack, workspace); });
}

}  // namespace armorm::model::cuda
