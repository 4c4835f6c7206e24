// Which GPUs get a context from events that other threads wait for and destroy: on a stand-in for a machine
// with several, and on one.
#include "model/device_event.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <map>
#include <set>
#include <thread>

#include "model/current_device.h"
#include "model/device_work.h"
#include "model/extractor.h"
#include "model/gpu_test_support.h"
#include "model/model_test_support.h"
#include "support/process.h"

namespace armorm::model {
namespace {

using namespace test;
using c10::Device;
using c10::DeviceIndex;
using c10::Stream;

constexpr auto kStandIn = c10::DeviceType::PrivateUse1;

// Devices with a context, as CUDA 12 creates them: cudaSetDevice() on the device, and a call that needs one
// on the current device. What LibTorch calls for each operation is that of c10/cuda/impl/CUDAGuardImpl.h and
// c10/cuda/CUDAFunctions.cpp: a guard that is left sets the device back only if that has a context.
class Machine final : public c10::impl::DeviceGuardImplInterface {
 public:
  static std::set<DeviceIndex>& contexts() {
    static std::set<DeviceIndex> all;
    return all;
  }
  // Streams of events in the order in which they were recorded (+) and waited for (-).
  static std::vector<std::string>& events() {
    static std::vector<std::string> all;
    return all;
  }
  static bool& failed() {
    static bool value = false;
    return value;
  }

  c10::DeviceType type() const override { return kStandIn; }
  Device exchangeDevice(Device d) const override {
    TORCH_CHECK(!failed(), "the device has failed");
    const Device before = getDevice();
    setDevice(d);
    return before;
  }
  Device getDevice() const override { return {kStandIn, current()}; }
  void setDevice(Device d) const override {
    if (d.index() == current()) return;
    current() = d.index();
    contexts().insert(d.index());
  }
  void uncheckedSetDevice(Device d) const noexcept override { current() = d.index(); }
  Stream getStream(Device d) const override { return Stream(Stream::UNSAFE, d, streams()[d.index()]); }
  Stream getStreamFromGlobalPool(Device d, bool /*is_high_priority*/) const override {
    return Stream(Stream::UNSAFE, d, 7);
  }
  Stream exchangeStream(Stream s) const override {
    return Stream(Stream::UNSAFE, s.device(), std::exchange(streams()[s.device_index()], s.id()));
  }
  DeviceIndex deviceCount() const noexcept override { return 2; }

  void record(void** event, const Stream& stream, const DeviceIndex /*device_index*/,
              const c10::EventFlag /*flag*/) const override {
    on(stream.device_index(), [] { contexts().insert(current()); });
    events().push_back(std::string("+").append(std::to_string(stream.id())));
    *event = reinterpret_cast<void*>(events().size());
  }
  void destroyEvent(void* /*event*/, const DeviceIndex device_index) const noexcept override {
    on(device_index, [] { contexts().insert(current()); });
  }
  bool queryEvent(void* /*event*/) const override { return true; }
  void synchronizeEvent(void* event) const override {
    contexts().insert(current());
    events().push_back(std::string("-").append(std::to_string(reinterpret_cast<std::size_t>(event))));
  }
  double elapsedTime(void* /*event1*/, void* /*event2*/, const DeviceIndex device_index) const override {
    on(device_index, [] { contexts().insert(current()); });
    return 250.0;
  }

 private:
  static std::map<DeviceIndex, c10::StreamId>& streams() {
    thread_local std::map<DeviceIndex, c10::StreamId> current;
    return current;
  }
  static DeviceIndex& current() {
    thread_local DeviceIndex index = 0;
    return index;
  }
  template <class Call>
  void on(DeviceIndex device, const Call& call) const {
    const Device before = getDevice();
    setDevice({kStandIn, device});
    call();
    setDevice(before);
  }
};

const c10::impl::DeviceGuardImplRegistrar kRegistered(kStandIn, new Machine);
const Device kSecond(kStandIn, 1);

template <class Body>
void on_another_thread(const Body& body) {
  std::thread(body).join();
}

}  // namespace

TEST_CASE("the stand-in gives the first device a context when another thread destroys a plain event",
          "[unit]") {
  Machine::contexts().clear();
  auto event = std::make_unique<c10::Event>(kStandIn);
  on_another_thread([&] {
    const CurrentDevice current(kSecond);
    event->record(c10::impl::VirtualGuardImpl(kStandIn).getStream(kSecond));
  });
  CHECK(Machine::contexts() == std::set<DeviceIndex>{1});
  on_another_thread([&] { event.reset(); });
  CHECK(Machine::contexts() == std::set<DeviceIndex>{0, 1});
}

TEST_CASE("events of the second device give the first one no context on any thread", "[unit]") {
  Machine::contexts().clear();
  const auto flag = c10::EventFlag::BACKEND_DEFAULT;
  auto begin = std::make_unique<DeviceEvent>(kSecond, flag);
  auto end = std::make_unique<DeviceEvent>(kSecond, flag);
  double seconds = 0.0;
  on_another_thread([&] {
    begin->record();
    end->record();
  });
  on_another_thread([&] {
    end->synchronize();
    seconds = begin->seconds_until(*end);
  });
  CHECK(seconds == 0.25);
  on_another_thread([&] { begin.reset(); });
  end.reset();
  CHECK(Machine::contexts() == std::set<DeviceIndex>{1});
}

TEST_CASE("what a failed device holds is released all the same", "[unit]") {
  Machine::contexts().clear();
  bool released = false;
  Machine::failed() = true;
  release_on(kSecond, [&] { released = true; });
  Machine::failed() = false;
  CHECK(released);
  CHECK(Machine::contexts().empty());
}

TEST_CASE("copies run on a stream of their own and are waited for, on any thread", "[unit]") {
  Machine::contexts().clear();
  Machine::events().clear();
  const c10::impl::VirtualGuardImpl machine(kStandIn);
  const CopyStream copies(kSecond);
  on_another_thread([&] {
    for (int i = 0; i < 2; ++i) {
      std::size_t waited_for = Machine::events().size();
      copies.run([&] {
        CHECK(machine.getDevice() == kSecond);
        CHECK(machine.getStream(kSecond).id() == 7);
        CHECK(Machine::events().size() == waited_for);
      });
      CHECK(machine.getDevice() == Device(kStandIn, 0));
      CHECK(machine.getStream(kSecond).id() == 0);
    }
  });
  // What computes keeps its stream.
  CHECK(machine.getStream(kSecond).id() == 0);
  CHECK(Machine::events() == std::vector<std::string>{"+7", "-1", "+7", "-3"});
  CHECK_THROWS_WITH(copies.run([] { throw std::runtime_error("full"); }), "full");
  CHECK(machine.getStream(kSecond).id() == 0);
  CHECK(Machine::contexts() == std::set<DeviceIndex>{1});
}

TEST_CASE("waiting for a device is waiting for its current stream, and nothing on the CPU", "[unit]") {
  Machine::events().clear();
  wait_for(Device(at::kCPU));
  CHECK(Machine::events().empty());
  wait_for(kSecond);
  CHECK(Machine::events() == std::vector<std::string>{"+0", "-1"});
  int calls = 0;
  CopyStream(Device(at::kCPU)).run([&] { ++calls; });
  CHECK(calls == 1);
}

TEST_CASE("the host is at most two steps ahead of the device", "[unit]") {
  Machine::events().clear();
  DevicePace pace(kSecond);
  for (int i = 0; i < 3; ++i) pace.step();
  CHECK(Machine::events() == std::vector<std::string>{"+0", "+0", "-1", "+0", "-2"});
}

TEST_CASE("the current device is set back at the end of its scope", "[unit]") {
  const c10::impl::VirtualGuardImpl machine(kStandIn);
  {
    const CurrentDevice current(kSecond);
    CHECK(machine.getDevice() == kSecond);
    const CurrentDevice cpu{Device(at::kCPU)};
    CHECK(machine.getDevice() == kSecond);
  }
  CHECK(machine.getDevice() == Device(kStandIn, 0));
}

namespace {

// A run that ends, one that its sink ends, and what is left of them.
void extract_on_second_gpu() {
  const Backbone backbone = load_on(1, "llama_gqa", Precision::bf16);
  const auto sequences = golden_sequences("llama_gqa");
  std::vector<ExtractionRequest> requests;
  for (const GoldenSequence& sequence : sequences)
    requests.push_back({sequence.tokens, {std::ssize(sequence.tokens) - 1}});
  Extractor extractor(backbone, {.batch_tokens = 20});
  std::size_t rows = 0;
  extractor.run(requests, [&](std::size_t, MatrixView<const float>) { ++rows; });
  CHECK(rows == requests.size());
  const auto fail = [](std::size_t, MatrixView<const float>) { throw std::runtime_error("disk full"); };
  CHECK_THROWS_WITH(extractor.run(requests, fail), "disk full");
  CHECK(backbone.free_memory() > 0);
}

}  // namespace

// A process of its own: other tests use the first GPU.
TEST_CASE("an extraction on the second GPU, in a process of its own", "[.second_gpu]") {
  extract_on_second_gpu();
  CHECK_FALSE(test::has_context(0));
  CHECK(test::has_context(1));
}

TEST_CASE("an extraction on the second GPU gives the first one no context", "[gpu]") {
  if (const char* why = test::why_no_second_gpu()) ARMORM_SKIP(why);
  const ProcessResult result = run_program("test_model", {"[.second_gpu]"});
  INFO(result.out << result.err);
  CHECK(result.exit_code == 0);
}

}  // namespace armorm::model
