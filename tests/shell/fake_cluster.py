"""A Kubernetes of one machine for the tests: kubectl's commands that submit.sh uses, and a Job controller.

  fake_cluster.py kubectl ARGUMENT...                the state is in $FAKE_CLUSTER:
    calls        one line for each call
    unreachable  how many further calls fail
    status/JOB   the status that a new Job gets, as JSON; without it, it is complete at once
    run          exists: Jobs run their pods, instead
    controllers/JOB  process that runs its pods;  pods/JOB-N  process of one;  logs/JOB-N  its output
    events       a line for each pod that has ended: JOB N EXIT-CODE ACTION
    disrupted/JOB-N  the end of this pod is a disruption, as an eviction
  fake_cluster.py status JOB STATUS                  gives a Job this status
  fake_cluster.py pod MANIFESTS JOB INDEX            runs the container's command of one pod
  fake_cluster.py action MANIFESTS JOB CODE [CONDITION]   prints what the podFailurePolicy decides
  fake_cluster.py value MANIFESTS EXPRESSION         prints a Python expression of the manifests, a list `all`
"""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import uuid

import yaml

cluster = pathlib.Path(os.environ.get("FAKE_CLUSTER", "/nonexistent"))


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    new.write_text(text)
    new.rename(path)


def append(path, line):
    with open(path, "a") as file:
        file.write(line + "\n")


def object_file(kind, name):
    return cluster / "objects" / f"{kind.lower()}-{name}"


def load(kind, name):
    return json.loads(object_file(kind, name).read_text())


# --- Pods


def expand(text, variables):
    """$(NAME) is a variable, if there is one, and $$ a $."""
    return re.sub(r"\$(?:\$|\(([^)]*)\))", lambda m: "$" if m[0] == "$$" else variables.get(m[1], m[0]), text)


def config_folders(spec):
    """Folders with the files of ConfigMaps, by the path where a container sees them."""
    names = {v["name"]: v["configMap"]["name"] for v in spec["volumes"] if "configMap" in v}
    folders = {}
    for mount in spec["containers"][0]["volumeMounts"]:
        if mount["name"] in names:
            config_map = names[mount["name"]]
            folders[mount["mountPath"]] = str(cluster / "mounted" / config_map)
            for name, text in load("ConfigMap", config_map)["data"].items():
                write(cluster / "mounted" / config_map / name, text)
        else:
            assert os.path.isdir(mount["mountPath"]), f"{mount['mountPath']} is no folder here"
    return folders


def run_container(job, index, pid_file=None):
    """Runs the container's command, as the first process of its own process namespace where this machine allows it, and
    returns its exit code."""
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    variables = {"JOB_COMPLETION_INDEX": str(index)}
    for entry in container["env"]:
        variables[entry["name"]] = expand(entry["value"], variables)
    command = [expand(word, variables) for word in container["command"]]
    for inside, outside in config_folders(spec).items():
        command = [word.replace(inside + "/", outside + "/") for word in command]
    own = {"PATH": f"{os.environ['ARMORM_BIN']}:/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    # OPENBLAS_CORETYPE and others decide the last bits, with which the runs outside of pods are compared.
    own |= {name: value for name, value in os.environ.items()
            if name in ("stub_log", "stub_rule", "real_bin") or name.startswith("OPENBLAS_")}
    clone_newpid = 0x20000000
    ctypes.CDLL(None).unshare(clone_newpid)
    pid = os.fork()
    if pid == 0:
        os.chdir(container["workingDir"])
        os.execvpe(command[0], command, own | variables)
    if pid_file:
        write(pid_file, str(pid))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if code >= 0 else 128 - code


def action_of(job, code, conditions):
    for rule in job["spec"]["podFailurePolicy"]["rules"]:
        codes = rule.get("onExitCodes")
        if codes and (code in codes["values"]) == (codes["operator"] == "In"):
            return rule["action"]
        if any(pattern["type"] in conditions and pattern["status"] == "True" for pattern in rule.get("onPodConditions", [])):
            return rule["action"]
    return "Count"


class Controller:
    def __init__(self, name):
        self.name = name
        self.job = load("Job", name)
        self.failure = None
        self.failed_indexes = []
        self.free = threading.Semaphore(self.job["spec"]["parallelism"])

    def run(self):
        write(cluster / "controllers" / self.name, str(os.getpid()))
        threads = [threading.Thread(target=self.run_index, args=[i]) for i in range(self.job["spec"]["completions"])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (cluster / "controllers" / self.name).unlink()
        status = {"conditions": [{"type": "Complete", "status": "True"}]}
        if self.failed_indexes and not self.failure:
            self.failure = ("FailedIndexes", "Job has failed indexes")
            status["failedIndexes"] = ",".join(map(str, sorted(self.failed_indexes)))
        if self.failure:
            reason, message = self.failure
            status["conditions"] = [{"type": "FailureTarget", "status": "True", "reason": reason, "message": message},
                                    {"type": "Failed", "status": "True", "reason": reason, "message": message}]
        write(object_file("Job", self.name), json.dumps(self.job | {"status": status}))

    def run_index(self, index):
        pod, failures = f"{self.name}-{index}", 0
        with self.free:
            while self.failure is None:
                code = self.run_pod(index, pod)
                disrupted = cluster / "disrupted" / pod
                action = action_of(self.job, code, ["DisruptionTarget"] if disrupted.exists() else []) if code else "Succeeded"
                disrupted.unlink(missing_ok=True)
                append(cluster / "events", f"{self.name} {index} {code} {action}")
                if action == "Succeeded":
                    return
                if action == "FailJob":
                    self.fail(f"Container armorm for pod default/{pod}-x failed with exit code {code} matching FailJob rule at index 2")
                elif action == "Count":
                    failures += 1
                    if failures > self.job["spec"]["backoffLimitPerIndex"]:
                        self.failed_indexes.append(index)
                        return

    def run_pod(self, index, pod):
        (cluster / "logs").mkdir(exist_ok=True)
        with open(cluster / "logs" / pod, "a") as output:
            command = [sys.executable, __file__, "container", self.name, str(index)]
            code = subprocess.run(command, stdout=output, stderr=output).returncode
        (cluster / "pods" / pod).unlink()
        return code

    def fail(self, message):
        self.failure = ("PodFailurePolicy", message)
        for pod in (cluster / "pods").glob(f"{self.name}-*"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int(pod.read_text()), signal.SIGTERM)


# --- kubectl


def fail(message):
    sys.exit(f"error: {message}")


def json_path(template, value):
    def found(path):
        values = [value]
        for key, wanted_key, wanted in re.findall(r'\.([^.\[\]{}\s]+)|\[\?\(@\.(\w+)=="([^"]*)"\)\]', path):
            if key:
                values = [v[key] for v in values if key in v]
            else:
                values = [element for v in values for element in v if element.get(wanted_key) == wanted]
        return " ".join(map(str, values))

    return re.sub(r"\{([^{}]*)\}", lambda m: found(m[1]), template)


def is_complete(name):
    return json_path('{.status.conditions[?(@.type=="Complete")].status}', load("Job", name)) == "True"


def create(text, replace):
    created = yaml.safe_load(text)
    file = object_file(created["kind"], created["metadata"]["name"])
    if file.exists() and not replace:
        fail(f'jobs.batch "{created["metadata"]["name"]}" already exists')
    created["metadata"]["uid"] = str(uuid.uuid4())
    if created["kind"] == "Job":
        if (cluster / "run").exists():
            write(file, json.dumps(created | {"status": {}}))
            subprocess.Popen([sys.executable, __file__, "control", created["metadata"]["name"]], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, start_new_session=True)
            return created
        status = cluster / "status" / created["metadata"]["name"]
        complete = {"conditions": [{"type": "Complete", "status": "True"}]}
        created["status"] = json.loads(status.read_text()) if status.exists() else complete
    write(file, json.dumps(created))
    return created


def kubectl(arguments):
    append(cluster / "calls", " ".join(arguments))
    unreachable = cluster / "unreachable"
    if unreachable.exists() and int(unreachable.read_text()) > 0:
        write(unreachable, str(int(unreachable.read_text()) - 1))
        fail("the server cannot be reached")
    options = dict(word[2:].partition("=")[::2] for word in arguments if word.startswith("--"))
    command, *names = [word for word in arguments if not word.startswith("--")]
    template = options.get("output", "").removeprefix("jsonpath=")
    if command in ("create", "apply"):
        assert options["filename"] == "-" and not names
        print(json_path(template, create(sys.stdin.read(), command == "apply")), end="")
    elif command == "get":
        kind, name = names
        if object_file(kind, name).exists():
            print(json_path(template, load(kind, name)), end="")
        elif "ignore-not-found" not in options:
            fail("not found")
    elif command == "delete":
        kind, name = names
        object_file(kind, name).unlink()
    elif command == "wait":
        assert options["for"] == "condition=complete"
        end = time.monotonic() + float(options["timeout"].removesuffix("s"))
        for name in (word.removeprefix("job/") for word in names):
            while not is_complete(name):
                if time.monotonic() > end:
                    fail("timed out waiting for the condition")
                time.sleep(0.05)
    else:
        fail(f"unknown command {command}")


def manifests(file):
    return list(yaml.safe_load_all(pathlib.Path(file).read_text()))


def job_of(file, name):
    (job,) = [entry for entry in manifests(file) if entry["kind"] == "Job" and entry["metadata"]["name"] == name]
    return job


def main(task, *arguments):
    if task == "kubectl":
        kubectl(arguments)
    elif task == "control":
        Controller(*arguments).run()
    elif task == "container":
        name, index = arguments
        sys.exit(run_container(load("Job", name), index, cluster / "pods" / f"{name}-{index}"))
    elif task == "status":
        name, status = arguments
        write(object_file("Job", name), json.dumps(load("Job", name) | {"status": json.loads(status)}))
    elif task == "pod":
        file, name, index = arguments
        sys.exit(run_container(job_of(file, name), index))
    elif task == "action":
        file, name, code, *conditions = arguments
        print(action_of(job_of(file, name), int(code), conditions))
    elif task == "value":
        file, expression = arguments
        print(eval(expression, {"all": manifests(file)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
