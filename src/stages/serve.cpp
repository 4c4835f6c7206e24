#include "stages/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "core/error.h"
#include "core/log.h"
#include "core/reload_signal.h"
#include "core/stop_point.h"
#include "core/units.h"
#include "hub/cache.h"
#include "serve/http_server.h"
#include "serve/listen_address.h"
#include "stages/options/common_options.h"
#include "stages/scoring/scorer.h"
#include "stages/serving/model_fingerprint.h"
#include "stages/serving/reward_service.h"

namespace armorm::stages {
namespace {

using std::chrono::seconds;

constexpr std::chrono::milliseconds kLook{50};  // at signals
// All bodies in memory: so many of --max_body_mb, and at least so many bytes (docs/serving.md).
constexpr std::size_t kBodies = 4;
constexpr std::size_t kLeastForBodies = std::size_t{256} << 20;

serve::HttpServerOptions server_options(const ServeOptions& options) {
  const serve::ListenAddress address = serve::parse_listen_address(options.listen);
  serve::HttpServerOptions out;
  out.host = address.host;
  out.port = address.port;
  out.max_connections = static_cast<std::size_t>(options.max_connections);
  out.max_body_bytes = static_cast<std::size_t>(options.max_body_mb) << 20;
  out.max_all_body_bytes = std::max(kBodies * out.max_body_bytes, kLeastForBodies);
  out.connections_name = fmt::format("--max_connections {}", options.max_connections);
  out.body_name = fmt::format("--max_body_mb {} ({} bytes)", options.max_body_mb, out.max_body_bytes);
  out.read_timeout_name = fmt::format("--read_timeout_s {}", options.read_timeout_s);
  out.read_timeout = seconds(options.read_timeout_s);
  out.write_timeout = seconds(options.write_timeout_s);
  out.idle_timeout = seconds(options.idle_timeout_s);
  return out;
}

void warn_of_open_door(const ServeOptions& options) {
  const std::string host = serve::parse_listen_address(options.listen).host;
  if (serve::is_loopback(host)) return;
  if (options.api_key_file.empty())
    log::warn(
        "--listen {}: everybody who reaches this address can use the server, without a key and unencrypted; "
        "use --api_key_file, and a reverse proxy for TLS (docs/serving.md)",
        options.listen);
  else
    log::warn("--listen {}: keys and texts travel unencrypted; use a reverse proxy for TLS (docs/serving.md)",
              options.listen);
}

serve::ServedModel served_model(const ServeOptions& options, const scoring::Scorer& scorer) {
  serve::ServedModel model;
  model.name =
      options.served_model_name.empty() ? hub::artifact_name(options.model_path) : options.served_model_name;
  model.fingerprint = serving::model_fingerprint(scorer.folder(), scorer.model(), options);
  model.attributes = scorer.attributes();
  model.max_length = scorer.max_length();
  model.created =
      std::chrono::duration_cast<seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  return model;
}

ServeOptions with_prompt_cache(ServeOptions options) {
  options.prompt_cache_bytes = options::prompt_cache_bytes(options.prompt_cache);
  return options;
}

// Until the program is asked to stop. A reload that was asked for while the model was loaded is done first.
void wait(const options::StageEnvironment& environment, serving::RewardService& service,
          ReloadSignal& reload) {
  while (!environment.stopping()) {
    if (reload.take()) service.reload_keys();
    std::this_thread::sleep_for(kLook);
  }
}

// false if requests were left unanswered.
bool drain(const ServeOptions& options, serve::HttpServer& server, serving::RewardService& service) {
  service.close();
  log::info("stopping: finishing accepted requests, for at most {} s", options.drain_s);
  if (!server.drain(seconds(options.drain_s))) return false;
  log::info("all requests are answered");
  return true;
}

}  // namespace

void run_serve(const ServeOptions& given, const options::StageEnvironment& environment) {
  const ServeOptions options = with_prompt_cache(given);
  // The answers to what was accepted. Until the end: a program that is asked to stop ends at once in other
  // work, as a failure, also while it only gives back what it has.
  std::optional<SavingWork> answering;
  ReloadSignal reload;  // from before the first client until the end: by default the signal ends a process
  std::optional<scoring::Scorer> loaded;  // outlives the service, and the service the server
  serving::RewardService service(options);
  serve::HttpServer server(
      server_options(options), [&service](const serve::HttpHead& head) { return service.route(head); },
      [&service](const std::string& path, int status) { service.count(path, status); });
  service.watch(server);
  warn_of_open_door(options);
  log::info("listening on http://{}; loading the model", server.address());
  scoring::Scorer& scorer = loaded.emplace(options, environment.stop_requested);
  scorer.begin_loading();
  serve::ServedModel model = served_model(options, scorer);
  server.set_headers({{serve::kFingerprintHeader, model.fingerprint}});
  scorer.finish_loading();
  const std::string ready = fmt::format("ready: model {}, fingerprint {}", model.name, model.fingerprint);
  service.open(scorer, std::move(model));
  log::info("{}", ready);
  wait(environment, service, reload);
  answering.emplace();
  if (drain(options, server, service)) return;
  answering.reset();  // a batch that is being scored is not waited for
  fail_interrupted(
      "requests were left unanswered after --drain_s ({} s); their clients see a closed connection",
      options.drain_s);
}

}  // namespace armorm::stages
