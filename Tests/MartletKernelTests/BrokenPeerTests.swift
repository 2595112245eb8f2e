#if os(Linux)
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletTesting
  import MartletWire
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  @Suite(
    "Resets, refusals and vanished peers against the kernel", .needsKernel, .bothFamilies, .serialized,
    .timeLimit(.minutes(2)))
  struct BrokenPeerTests {
    @Test("S5.2 The kernel resets: we read what came before, then connection reset")
    func kernelResets() throws {
      let stage = try Stage()
      let (socket, id, _) = try stage.kernelConnects()
      socket.reset()
      try stage.turn("CLOSED") { try stage.stack.status(id, now: stage.now).tcp.state == .closed }
      #expect(try stage.stack.status(id, now: stage.now).tcp.endReason == .reset)
      #expect(throws: ReceiveError.ended(.reset)) { try stage.read(id) }
      #expect(try stage.kernelState(port: 80) == nil)
    }

    @Test("S5.2 We abort: the kernel says connection reset by peer")
    func martletAborts() throws {
      let stage = try Stage()
      let (socket, id, _) = try stage.kernelConnects()
      try stage.stack.abort(id, now: stage.now)
      try stage.turn("ECONNRESET") { socket.read() == .failed(ECONNRESET) }
      #expect(try stage.kernelState(port: 80) == nil)
      #expect(stage.martletState(port: 80) == nil)
    }

    @Test("S4.6 SHLD-3 We close with unread text: the kernel is reset")
    func closeWithUnreadText() throws {
      let stage = try Stage()
      let (socket, id, _) = try stage.kernelConnects()
      #expect(socket.write(pattern(1_000)[...]) == 1_000)
      try stage.turn("text") { try stage.stack.status(id, now: stage.now).tcp.unread == 1_000 }
      try stage.stack.close(id, now: stage.now)
      try stage.turn("ECONNRESET") { socket.read() == .failed(ECONNRESET) }
    }

    @Test("S5.1 Nobody listens here: the kernel is refused")
    func kernelIsRefused() throws {
      let stage = try Stage()
      let socket = try KernelSocket(in: stage.namespace)
      socket.connect(Stage.martlet, 81)
      try stage.turn("an answer") { socket.isConnected }
      #expect(socket.takeError() == ECONNREFUSED)
    }

    @Test("S5.2 Nobody listens there: we are refused")
    func martletIsRefused() throws {
      let stage = try Stage()
      let id = try stage.stack.connect(to: Endpoint(address: Stage.kernel, port: 81), now: stage.now)
      try stage.turn("CLOSED") { try stage.stack.status(id, now: stage.now).tcp.state == .closed }
      #expect(try stage.stack.status(id, now: stage.now).tcp.endReason == .refused)
    }

    @Test("S5.3 The kernel vanishes: keep-alive finds out")
    func kernelVanishes() throws {
      let stage = try Stage()
      let (socket, id, _) = try stage.kernelConnects()
      var options = try stage.stack.options(id)
      options.keepAlive = true
      options.keepAliveIdle = 1
      options.keepAliveInterval = 1
      options.keepAliveCount = 2
      try stage.stack.setOptions(id, options, now: stage.now)
      // It still answers probes…
      try stage.turn("a probe is answered", seconds: 5) { stage.stack.counters.tcp.tcpKeepAlive >= 2 }
      #expect(try stage.stack.status(id, now: stage.now).tcp.state == .established)
      // … until its address is gone.
      var program = try stage.namespace.start(["ip", "address", "flush", "dev", "mk0"])
      #expect(program.wait() == 0)
      try stage.turn("the end", seconds: 15) {
        try stage.stack.status(id, now: stage.now).tcp.state == .closed
      }
      #expect(try stage.stack.status(id, now: stage.now).tcp.endReason == .keepAliveTimedOut)
      socket.close()
    }

    @Test(
      "S5.3 We vanish: the kernel's user timeout finds out, and a reset answers it when we are back without a memory"
    )
    func martletVanishes() throws {
      let stage = try Stage()
      let (socket, id, _) = try stage.kernelConnects()
      // A crash: the record is gone, and nothing was said.
      try stage.stack.abort(id, now: stage.now)
      stage.forgetOutput()
      #expect(socket.write(pattern(10)[...]) == 10)
      try stage.turn("ECONNRESET") { socket.read() == .failed(ECONNRESET) }
    }
  }
#endif
