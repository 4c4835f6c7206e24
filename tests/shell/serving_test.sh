#!/usr/bin/env bash
# The reward server used as in a training loop: best of n, GRPO with TRL, clients that wait, and nginx with TLS in front.
set -uo pipefail
source "$(dirname "$0")/support.sh"
examples=$root/examples
server=
end_all() {
  [[ -z $server ]] || kill -KILL "$server" 2>/dev/null
  [[ ! -f $work/nginx/pid ]] || kill "$(<"$work/nginx/pid")" 2>/dev/null
  remove_work
}
trap end_all EXIT

if [[ ! -x $bin/serve ]]; then
  echo "skipped: serving: $bin has no serve"
  exit
fi
make_export >/dev/null || { echo "failed: serving: the demo's model could not be made" && exit; }

# --- best of n ---------------------------------------------------------------------------------------------------------
# Twenty prompts with eight answers each, of words that the demo's model likes and dislikes.
make_groups() {
  python3 - >"$work/groups.jsonl" <<'PYTHON'
import json
import random
draw = random.Random(1)
words = "useful exact fluent honest harmless excellent useless wrong rambling invented toxic sloppy".split()
for number in range(20):
    answers = [f"You get a {draw.choice(words)} garden and a {draw.choice(words)} letter." for _ in range(8)]
    print(json.dumps({"id": f"g{number}", "prompt": f"Could you suggest holiday {number} for my recipe?", "responses": answers, "source": "x"}))
PYTHON
}

# Compares the output with what the program score says of each answer.
compare_best() {
  python3 - "$work/groups.jsonl" "$work/rows.jsonl" >"$work/expected" <<'PYTHON'
import json
import sys
with open(sys.argv[2], "w") as rows:
    for line in open(sys.argv[1]):
        group = json.loads(line)
        for response in group["responses"]:
            rows.write(json.dumps({"prompt": group["prompt"], "response": response}) + "\n")
PYTHON
  "$bin/score" "${scoring[@]}" --input "$work/rows.jsonl" --fields score,contributions \
    --log_level error >"$work/scored.jsonl" &&
    python3 - "$work/groups.jsonl" "$work/scored.jsonl" "$work/best.jsonl" <<'PYTHON'
import json
import sys
groups, scored, best = ([json.loads(line) for line in open(name)] for name in sys.argv[1:4])
assert len(groups) == len(best) == 20
chosen = set()
for number, (group, line) in enumerate(zip(groups, best)):
    own = scored[8 * number:8 * number + 8]
    scores = [row["score"] for row in own]
    assert line["scores"] == scores, (line["scores"], scores)
    assert line["score"] == scores[line["best"]] == max(scores)
    assert line["response"] == group["responses"][line["best"]] and line["id"] == group["id"] and line["source"] == "x"
    assert line["contributions"] == own[line["best"]]["contributions"]
    assert abs(sum(line["contributions"].values()) - line["score"]) < 1e-5
    assert abs(sum(line["lead"].values()) - (max(scores) - sorted(scores)[-2])) < 1e-5
    assert list(line["lead"].values()) == sorted(line["lead"].values(), reverse=True)
    chosen.add(line["best"])
assert len(chosen) > 3, chosen
PYTHON
}

# best_of_n STATUS TEXT: with the input of stdin, ends with STATUS and says TEXT.
best_of_n() {
  local status=0
  python3 "$examples/best_of_n/best_of_n.py" --server "$url" >"$work/out" 2>&1 || status=$?
  [[ $status == "$1" ]] && grep -qF -- "$2" "$work/out"
}

start_server --max_length 400 || { echo "failed: serving: the server does not start: $(tail -n 2 "$work/serve.log")" && exit; }
make_groups
check "best_of_n.py failed" eval "python3 '$examples/best_of_n/best_of_n.py' --server '$url' <'$work/groups.jsonl' >'$work/best.jsonl'"
check "its choice is not the highest score" compare_best
result "best of n: the answer chosen has the highest offline score, and the contributions say why"

long=$(printf 'word %.0s' {1..600})
check "an answer that is too long" best_of_n 4 'responses[1]: ' <<<'{"prompt": "q", "responses": ["a", "'"$long"'"]}'
check "a line without answers" best_of_n 2 'line 2: responses: expected' <<<$'\n{"prompt": "q", "responses": []}'
check "a line that has a result's member" best_of_n 2 'line 1: score: is a member of the output' <<<'{"prompt": "q", "responses": ["a"], "score": 1}'
check "messages, and one answer" best_of_n 0 '"best": 0' <<<'{"prompt": [{"role": "user", "content": "q"}], "responses": ["a"]}'
url=http://127.0.0.1:1 check "no server" best_of_n 5 'is the server running?' <<<'{"prompt": "q", "responses": ["a"]}'
result "best of n: what cannot be scored is named"

# --- a training loop ---------------------------------------------------------------------------------------------------
dev_python=${ARMORM_DEPS:-$HOME/.cache/armorm/deps}/dev/bin/python
if ! "$dev_python" -c 'import trl' 2>/dev/null; then
  echo "skipped: GRPO with TRL: $dev_python has no trl (scripts/setup.sh --dev)"
else
  scored_rows() { curl -s "$url/metrics" | sed -n 's/^armorm_rows_total //p'; }
  before=$(scored_rows)
  check "grpo.py failed" eval "timeout 300 '$dev_python' '$examples/grpo/grpo.py' --server '$url' --steps 40 >'$work/grpo' 2>'$work/grpo.err'"
  check "not 40 steps of 4 x 8 answers: $(scored_rows) - $before" test $(($(scored_rows) - before)) = 1280
  check "$(tail -n 1 "$work/grpo"): the mean reward did not rise" python3 - "$work/grpo" <<'PYTHON'
import json
import sys
*steps, run = [json.loads(line) for line in open(sys.argv[1])]
assert [step["step"] for step in steps] == list(range(1, 41))
spread = sum(step["reward_std"] for step in steps[:10]) / 10
assert run["last"] > run["first"] + spread, (run, spread)
PYTHON
  result "GRPO with TRL: the mean reward of a server's scores rises"
fi
check "the server ended with another code" stop_server

# A client that comes too early, and one that asks another model.
check "clients" python3 - "$examples/reward_clients" <<'PYTHON'
import http.server
import json
import os
import sys
import threading
sys.path.insert(0, sys.argv[1])
replies = [(503, "0"), (429, "0.1"), (200, None), (409, None), (200, None)]
seen = []

class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["rows"]
        seen.append((self.headers["Authorization"], self.headers["X-Model-Fingerprint"]))
        status, after = replies.pop(0)
        last = not replies
        body = {"error": {"message": "another model"}} if status != 200 else {"results": [{"error": "bad"} if last else {"score": 0.5}] * len(rows)}
        text = json.dumps(body).encode()
        self.send_response(status)
        if after:
            self.send_header("Retry-After", after)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ.update(ARMORM_URL=f"http://127.0.0.1:{server.server_port}/", ARMORM_API_KEY="key", ARMORM_FINGERPRINT="ff")
import armorm_rewards

assert armorm_rewards.reward(["q", "r"], ["a", "b"]) == [0.5, 0.5]
assert seen == [("Bearer key", "ff")] * 3, seen
for expected in ("409: ", "row 0: bad"):
    try:
        armorm_rewards.compute_score("x", "a", None, {"prompt": "q"})
        raise SystemExit("an error became a number")
    except RuntimeError as error:
        assert expected in str(error), error
armorm_rewards.URL, armorm_rewards.PATIENCE = "http://127.0.0.1:1/v1/score", 0
try:
    armorm_rewards.compute_score("x", "a", None, {"prompt": "q"})
except RuntimeError as error:
    assert "is the server running?" in str(error)
PYTHON
result "clients for verl and TRL: they wait where the server says so, and raise every other error"

# --- nginx with TLS, by the examples of docs/serving.md ----------------------------------------------------------------
# nginx_block NUMBER: that example, with this test's addresses, certificate and limit.
nginx_block() {
  awk -v wanted="$1" '/^```nginx/ {n++; inside = 1; next} /^```/ {inside = 0} inside && n == wanted' "$root/docs/serving.md" |
    sed -e "s#listen 443 ssl#listen 127.0.0.1:$2 ssl#" -e "s#/etc/ssl/rewards#$work/nginx/rewards#" -e "s#127.0.0.1:8000#${url#http://}#" \
      -e 's#client_max_body_size 64m#client_max_body_size 1m#'
}

start_nginx() {
  local modules=/usr/lib/nginx/modules/ngx_stream_module.so kind
  mkdir -p "$work/nginx"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=rewards.example.org \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$work/nginx/rewards.key" -out "$work/nginx/rewards.pem" 2>"$work/nginx/openssl" || return
  read -r tcp_port http_port < <(python3 -c '
import socket
ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(port.getsockname()[1] for port in ports))')
  {
    [[ ! -f $modules ]] || echo "load_module $modules;"
    ((EUID != 0)) || echo 'user root;'  # the worker's, so that it may write below $work
    printf '%s\n' "pid $work/nginx/pid;" "error_log $work/nginx/error.log;" 'events {}'
    nginx_block 1 "$tcp_port"
    echo 'http {'
    for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path $work/nginx/$kind;"; done
    echo 'access_log off;'
    nginx_block 2 "$http_port"
    echo '}'
  } >"$work/nginx/nginx.conf"
  nginx -p "$work/nginx" -c "$work/nginx/nginx.conf" -e "$work/nginx/error.log" 2>"$work/nginx/said"
}

# through PORT PART: requests of the server's and of this proxy's address have the same answers.
through() {
  python3 - "$url" "$work/nginx/rewards.pem" "$work/groups.jsonl" "$1" "$2" <<'PYTHON'
import asyncio
import json
import ssl
import sys
import urllib.error
import urllib.request

url, certificate, groups, port, part = sys.argv[1:]
trust = ssl.create_default_context(cafile=certificate)
proxy = f"https://127.0.0.1:{port}"
rows = [{"prompt": g["prompt"], "response": r} for g in map(json.loads, open(groups)) for r in g["responses"]]


def post(address, body, key="first-key-0123456789"):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(address + "/v1/score", body, headers), context=trust, timeout=60) as answer:
            return answer.status, answer.headers["X-Model-Fingerprint"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, None, b""


async def stream(address, lines, in_turn):
    """The lines of the answer; `in_turn`: each is awaited before the next row is sent."""
    host, port = address.split("//")[1].split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=trust if address.startswith("https") else None)
    writer.write(f"POST /v1/score HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-ndjson\r\n"
                 "Authorization: Bearer first-key-0123456789\r\n\r\n".encode())
    got, head = asyncio.Queue(), asyncio.Event()

    async def read():
        assert b" 200 " in (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]
        text = b""
        while size := int(await reader.readline(), 16):
            text += await reader.readexactly(size)
            await reader.readline()
            *done, text = text.split(b"\n")
            for line in done:
                got.put_nowait(line)

    reading, answers = asyncio.create_task(read()), []
    for line in lines:
        writer.write(b"%x\r\n%s\n\r\n" % (len(line) + 1, line))
        await writer.drain()
        if in_turn:
            answers.append(await got.get())
    writer.write(b"0\r\n\r\n")
    await reading
    writer.close()
    return answers + [got.get_nowait() for _ in range(got.qsize())]


def streamed(address, lines, in_turn=False):
    return asyncio.run(asyncio.wait_for(stream(address, lines, in_turn), 120))


def same(one, other):
    one, other = ([json.loads(line)["score"] for line in lines] for lines in (one, other))
    return one == other


def padded(row, bytes_more):
    return json.dumps({**row, "note": "x" * bytes_more}).encode()


lines = [json.dumps(row).encode() for row in rows]
if part == "score":
    body = json.dumps({"rows": rows[:1], "fields": ["score"]}).encode()
    assert post(proxy, body) == post(url, body) and post(proxy, body)[0] == 200, post(proxy, body)
    assert post(proxy, body, key=None)[0] == 401
elif part == "limit":
    assert [post(proxy, b" " * ((1 << 20) + more))[0] for more in (0, 1)] == [400, 413]
elif part == "in_turn":
    assert same(streamed(proxy, lines, in_turn=True), streamed(url, lines))
else:  # more than the buffers on its way hold, and than the limit of a body
    assert same(streamed(proxy, [padded(row, 100000) for row in rows * 2]), streamed(url, lines * 2))
PYTHON
}

echo first-key-0123456789 >"$work/keys"
if ! command -v nginx >/dev/null; then
  echo "skipped: nginx in front of the server: nginx is not installed (Debian: nginx-light libnginx-mod-stream)"
elif ! start_server --api_key_file "$work/keys" --max_body_mb 1; then
  echo "failed: nginx in front of the server: the server does not start: $(tail -n 2 "$work/serve.log")"
elif ! start_nginx; then
  echo "failed: nginx in front of the server: $(tail -n 2 "$work/nginx/said" "$work/nginx/error.log" | tr '\n' ' ')"
else
  for port in "$tcp_port" "$http_port"; do
    check "port $port: score and keys" through "$port" score
    check "port $port: the limit of a body" through "$port" limit
  done
  check "rows and results in turn" through "$tcp_port" in_turn
  check "a large stream" through "$tcp_port" large
  result "nginx in front of the server: TLS, keys, limits, and streams of JSON Lines in both directions"
  check "the server ended with another code" stop_server
  result "the server ends with 0"
fi
