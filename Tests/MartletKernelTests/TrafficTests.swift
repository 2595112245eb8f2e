#if os(Linux)
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletTesting
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  @Suite("Traffic against the kernel", .needsKernel, .bothFamilies, .serialized, .timeLimit(.minutes(5)))
  struct TrafficTests {
    @Test(
      "S2.2 S2.6 Ten thousand connections, half of them of each family, one after the other, leave nothing behind"
    )
    func manyConnections() throws {
      let stage = try Stage()
      let listener = try stage.stack.listen(on: LocalEndpoint(port: 80))
      for n in 0..<5_000 {
        let socket = try KernelSocket(in: stage.namespace)
        socket.connect(Stage.martlet, 80)
        var id: ConnectionID?
        try stage.turn("connection \(n)") {
          if id == nil { id = try? stage.stack.accept(listener) }
          return id != nil
        }
        guard let id else { return }
        // The kernel closes first, so that TIME-WAIT is its own.
        _ = socket.write([UInt8(truncatingIfNeeded: n)][...])
        socket.close()
        var got: [UInt8] = []
        try stage.turn("the octet and the end") {
          let (octets, ended) = try stage.read(id)
          got += octets
          return ended
        }
        #expect(got == [UInt8(truncatingIfNeeded: n)])
        try stage.stack.close(id, now: stage.now)
        try stage.turn("the last acknowledgment") { stage.stack.held.connections == 0 }
      }
      #expect(stage.stack.held.connections == 0 && stage.stack.held.halfOpen == 0)
      #expect(stage.stack.held.chunks == 0)
      #expect(stage.stack.checkInvariants() == nil)
    }

    @Test("Packets of many segments pass whole, both ways, and every octet arrives once")
    func offload() throws {
      let stage = try Stage(offload: .everything)
      let (socket, id, _) = try stage.kernelConnects()
      let text = pattern(2_000_000)
      var (toKernel, toMartlet) = (0, 0)
      var (there, here): ([UInt8], [UInt8]) = ([], [])
      try stage.turn("both ways", seconds: 30) {
        if toKernel < text.count { toKernel += try stage.write(id, text[toKernel...]) }
        if toMartlet < text.count { toMartlet += socket.write(text[toMartlet...]) }
        while case .octets(let some) = socket.read() { there += some }
        here += try stage.read(id).octets
        return there.count == text.count && here.count == text.count
      }
      #expect(there == text && here == text)
      // 1,400 segments each way, and acknowledgments.
      #expect(stage.stack.counters.inPackets < 700 && stage.stack.counters.outPackets < 700)
      try stage.stack.close(id, now: stage.now)
      try stage.turn("the end") { socket.read() == .end }
      socket.close()
      #expect(stage.stack.checkInvariants() == nil)
    }

    @Test(
      "MUST-2 tshark finds nothing wrong with what we sent: no malformed packet, no bad checksum, no warning")
    func tshark() throws {
      guard Machine.hasProgram("tshark") else {
        print("skipped: needs tshark")
        return
      }
      let stage = try Stage(captures: true)
      let (socket, id, _) = try stage.kernelConnects()
      let text = pattern(300_000)
      var toKernel = 0
      var toMartlet = 0
      var there: [UInt8] = []
      var here: [UInt8] = []
      try stage.turn("both ways", seconds: 30) {
        if toKernel < text.count {
          toKernel += try stage.write(id, text[toKernel..<min(toKernel + 20_000, text.count)])
        }
        if toMartlet < text.count {
          toMartlet += socket.write(text[toMartlet..<min(toMartlet + 20_000, text.count)])
        }
        while case .octets(let some) = socket.read() { there += some }
        here += try stage.read(id).octets
        return there.count == text.count && here.count == text.count
      }
      #expect(there == text && here == text)
      try stage.stack.close(id, now: stage.now)
      try stage.turn("the end") { socket.read() == .end }
      socket.close()
      try stage.turn("TIME-WAIT") { stage.martletState(port: 80) == .timeWait }
      try stage.transmit()

      let path = "/tmp/martlet-kernel-tests-\(getpid()).pcapng"
      defer { unlink(path) }
      let file = try #require(fopen(path, "w"))
      #expect(fwrite(stage.capture, 1, stage.capture.count, file) == stage.capture.count)
      fclose(file)
      // What tshark notes of a busy receiver, a full or updated window, is no fault of the sender's.
      let isOurs = ScenarioFamily.standard == .ipv4 ? "ip.src == 10.7.0.1" : "ipv6.src == fd00:7::1"
      let wrong =
        "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0"
        + " || (\(isOurs) && tcp.analysis.flags && !tcp.analysis.window_update"
        + " && !tcp.analysis.window_full)"
      let lines = try stage.run(
        [
          "tshark", "-n", "-r", path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-Y",
          wrong,
        ])
      #expect(lines == "")
      let count = try stage.run([
        "tshark", "-n", "-r", path, "-Y", isOurs, "-T", "fields", "-e", "frame.number",
      ])
      #expect(count.split(separator: "\n").count > 200)
    }
  }
#endif
