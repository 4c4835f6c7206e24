// Search in a site that is opened as files, where browsers start no workers: a worker's script runs in a hidden frame
// instead. Loaded by docs/mkdocs.yml in place of the theme's shim, which is fetched from another server.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.append(this.frame)
      const inside = this.frame.contentWindow
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      const script = inside.document.createElement("script")
      this.started = new Promise(resolve => { script.onload = resolve })
      script.src = url
      inside.document.body.append(script)
    }

    postMessage(data) {
      this.started.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })))
    }

    terminate() { this.frame.remove() }
  }
}
