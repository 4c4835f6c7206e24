#include "armorm/serve.h"
#include "core/error.h"
#include "core/units.h"
#include "serve/listen_address.h"
#include "stages/options/common_options.h"
#include "stages/options/declarations.h"
#include "stages/options/shared_options.h"

namespace armorm::stages::options {
namespace {

void declare_listening(ServeOptions& fields, OptionList& list) {
  using enum OptionEffect;
  list.add({"listen", output,
            "HOST:PORT to listen on; other machines can reach only an address other than loopback; port 0 = "
            "any free one"},
           fields.listen)
      .add({"served_model_name", output, "Model name in answers; empty = the folder name of --model_path"},
           fields.served_model_name)
      .add({"api_key_file", inputs,
            "File of API keys, one per line; requests then need one as a bearer token; SIGHUP reloads the "
            "file; empty = no key needed"},
           fields.api_key_file)
      .add({"max_connections", resources, "Maximum number of open connections; further ones get 503"},
           fields.max_connections)
      .add({"read_timeout_s", resources, "Seconds for a client to send its request"}, fields.read_timeout_s)
      .add({"write_timeout_s", resources, "Seconds for a client to receive its answer"},
           fields.write_timeout_s)
      .add({"idle_timeout_s", resources, "Seconds an idle connection stays open"}, fields.idle_timeout_s)
      .add({"drain_s", output, "Seconds to answer accepted requests after SIGTERM"}, fields.drain_s);
}

void declare_batching(ServeOptions& fields, OptionList& list) {
  using enum OptionEffect;
  list.add({"prompt_cache", resources,
            "Memory for cached keys and values of prompts, reused by further answers to the same prompt, "
            "such as 4GiB; 0 = none"},
           fields.prompt_cache)
      .add({"max_wait_ms", resources, "Milliseconds an idle server waits for further requests to batch"},
           fields.max_wait_ms)
      .add({"max_rows", resources, "Maximum number of conversations per request; more get 413"},
           fields.max_rows)
      .add({"max_body_mb", resources, "Maximum size of a request's body in MiB; more gets 413"},
           fields.max_body_mb)
      .add({"max_queue_rows", resources, "Maximum number of waiting conversations; further requests get 429"},
           fields.max_queue_rows)
      .add({"max_queue_s", resources,
            "Longest expected wait of a request in seconds, from the measured speed; beyond it, 429"},
           fields.max_queue_s)
      .add({"max_streams", resources, "Maximum number of open JSON Lines streams; further ones get 429"},
           fields.max_streams);
}

}  // namespace

OptionList declare(ServeOptions& fields) {
  OptionList list;
  shared_options::declare_model(fields, list);
  declare_listening(fields, list);
  shared_options::declare_scorer(fields, list);
  declare_batching(fields, list);
  return list;
}

std::uint64_t prompt_cache_bytes(const std::string& prompt_cache) {
  if (prompt_cache == "0") return 0;
  if (const auto bytes = parse_bytes(prompt_cache)) return *bytes;
  fail_usage("--prompt_cache: '{}' is not a number of bytes; use for example 500MB or 4GiB, or 0 for none",
             prompt_cache);
}

}  // namespace armorm::stages::options

namespace armorm {

void ServeOptions::validate() const {
  ScorerOptions::validate();
  serve::parse_listen_address(listen);
  stages::options::prompt_cache_bytes(prompt_cache);
  using stages::options::shared_options::at_least;
  at_least("max_wait_ms", max_wait_ms, 0);
  at_least("max_rows", max_rows, 1);
  at_least("max_body_mb", max_body_mb, 1);
  at_least("max_queue_rows", max_queue_rows, 1);
  at_least("max_queue_s", max_queue_s, 1);
  at_least("max_connections", max_connections, 1);
  at_least("max_streams", max_streams, 1);
  at_least("read_timeout_s", read_timeout_s, 1);
  at_least("write_timeout_s", write_timeout_s, 1);
  at_least("idle_timeout_s", idle_timeout_s, 1);
  at_least("drain_s", drain_s, 0);
}

}  // namespace armorm
