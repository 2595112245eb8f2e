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

  /// Every order of closing, seen from both sides: the kernel's state through `ss`, ours through `status`.
  @Suite("Closing against the kernel", .needsKernel, .bothFamilies, .serialized, .timeLimit(.minutes(2)))
  struct CloseOrderTests {
    @Test(
      "S4.3 The kernel closes first: it waits in FIN-WAIT-2 and TIME-WAIT, we pass CLOSE-WAIT and LAST-ACK")
    func kernelFirst() throws {
      let stage = try Stage()
      let (socket, id, _) = try stage.kernelConnects()
      #expect(try stage.kernelState(port: 80) == "ESTAB")
      #expect(try stage.stack.status(id, now: stage.now).tcp.state == .established)
      socket.finish()
      try stage.turn("CLOSE-WAIT") { try stage.stack.status(id, now: stage.now).tcp.state == .closeWait }
      try stage.turn("the kernel in FIN-WAIT-2") { try stage.kernelState(port: 80) == "FIN-WAIT-2" }
      #expect(try stage.read(id).ended)
      try stage.stack.shutdown(id, .send, now: stage.now)
      #expect(try stage.stack.status(id, now: stage.now).tcp.state == .lastAck)
      try stage.turn("the kernel in TIME-WAIT") { try stage.kernelState(port: 80) == "TIME-WAIT" }
      try stage.turn("CLOSED") { try stage.stack.status(id, now: stage.now).tcp.state == .closed }
      #expect(try stage.stack.status(id, now: stage.now).tcp.endReason == .closed)
      try stage.stack.close(id, now: stage.now)
      #expect(stage.martletState(port: 80) == nil)
    }

    @Test("S4.2 We close first: FIN-WAIT-2 and TIME-WAIT are ours, the kernel passes CLOSE-WAIT")
    func martletFirst() throws {
      let stage = try Stage()
      let (socket, id, _) = try stage.kernelConnects()
      try stage.stack.shutdown(id, .send, now: stage.now)
      try stage.turn("FIN-WAIT-2") { try stage.stack.status(id, now: stage.now).tcp.state == .finWait2 }
      #expect(try stage.kernelState(port: 80) == "CLOSE-WAIT")
      #expect(socket.read() == .end)
      socket.close()
      try stage.turn("TIME-WAIT") { stage.martletState(port: 80) == .timeWait }
      #expect(try stage.read(id).ended)
      try stage.turn("the kernel's record gone") { try stage.kernelState(port: 80) == nil }
      try stage.stack.close(id, now: stage.now)
      #expect(stage.martletState(port: 80) == .timeWait)
    }

    @Test("S4.5 Both close at once: CLOSING on both sides, TIME-WAIT on both sides")
    func bothAtOnce() throws {
      let stage = try Stage()
      let (socket, id, _) = try stage.kernelConnects()
      // The kernel's FIN lies in the device, ours leaves before we look: they cross.
      socket.finish()
      try stage.stack.shutdown(id, .send, now: stage.now)
      try stage.transmit()
      #expect(try stage.stack.status(id, now: stage.now).tcp.state == .finWait1)
      #expect(try stage.kernelState(port: 80) == "CLOSING")
      while try stage.receive() > 0, try stage.stack.status(id, now: stage.now).tcp.state == .finWait1 {}
      #expect(
        [.closing, .timeWait].contains(try stage.stack.status(id, now: stage.now).tcp.state))
      try stage.turn("TIME-WAIT here") { stage.martletState(port: 80) == .timeWait }
      try stage.turn("TIME-WAIT there") { try stage.kernelState(port: 80) == "TIME-WAIT" }
      try stage.stack.close(id, now: stage.now)
    }

    @Test("S4.6 The kernel half-closes, and gets a long answer", .timeLimit(.minutes(1)))
    func kernelHalfCloses() throws {
      let stage = try Stage()
      let (socket, id, _) = try stage.kernelConnects()
      socket.finish()
      try stage.turn("CLOSE-WAIT") { try stage.stack.status(id, now: stage.now).tcp.state == .closeWait }
      let answer = pattern(10_000_000)
      var sent = 0
      var back: [UInt8] = []
      back.reserveCapacity(answer.count)
      try stage.turn("the answer", seconds: 40) {
        while sent < answer.count {
          let taken = try stage.write(id, answer[sent..<min(sent + 65_536, answer.count)])
          if taken == 0 { break }
          sent += taken
        }
        while case .octets(let some) = socket.read() { back += some }
        return back.count == answer.count
      }
      #expect(back == answer)
      #expect(try stage.kernelState(port: 80) == "FIN-WAIT-2")
      try stage.stack.close(id, now: stage.now)
      try stage.turn("the end") { socket.read() == .end }
    }

    @Test("S4.6 We half-close, and get a long answer", .timeLimit(.minutes(1)))
    func martletHalfCloses() throws {
      let stage = try Stage()
      let (socket, id) = try stage.martletConnects()
      try stage.stack.shutdown(id, .send, now: stage.now)
      try stage.turn("FIN-WAIT-2") { try stage.stack.status(id, now: stage.now).tcp.state == .finWait2 }
      #expect(try stage.kernelState(port: 8_080) == "CLOSE-WAIT")
      let answer = pattern(10_000_000)
      var sent = 0
      var back: [UInt8] = []
      back.reserveCapacity(answer.count)
      try stage.turn("the answer", seconds: 40) {
        if sent < answer.count { sent += socket.write(answer[sent..<min(sent + 262_144, answer.count)]) }
        back += try stage.read(id).octets
        return back.count == answer.count
      }
      #expect(back == answer)
      #expect(try stage.stack.status(id, now: stage.now).tcp.state == .finWait2)
      socket.close()
      try stage.turn("TIME-WAIT") { stage.martletState(port: 8_080) == .timeWait }
      try stage.stack.close(id, now: stage.now)
    }
  }
#endif
