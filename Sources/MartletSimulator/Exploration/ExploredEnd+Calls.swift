import MartletTCP
import MartletWire

// What the application calls, and what it reads.

extension ExploredEnd {
  /// The octet at `offset` of the stream that begins with `iss`.
  static func octet(of iss: SequenceNumber, at offset: UInt8) -> UInt8 {
    UInt8(truncatingIfNeeded: iss.rawValue >> 24) &+ offset &* 37 &+ 1
  }

  mutating func open(_ ground: inout ExplorationGround) {
    application.mayOpen = false
    let tcb = TCB(
      connecting: iss, timestampOffset: 0, mss: Self.mss, sendMSSLimit: Self.mss,
      defaultPeerMSS: Self.defaultMSS, options: ground.options, ground.around, now: clock)
    record = .connection(tcb)
    isSender = true
  }

  var maySend: Bool {
    guard case .connection(let tcb) = record, application.unsent > 0 else { return false }
    return !application.hasLetGo && !tcb.mode.contains(.finQueued) && tcb.state != .timeWait
  }

  var mayShutSend: Bool {
    guard case .connection(let tcb) = record else { return false }
    return !application.hasLetGo && !tcb.mode.contains(.finQueued)
  }

  var mayShutReceive: Bool {
    guard case .connection(let tcb) = record else { return false }
    return !application.hasLetGo && !tcb.mode.contains(.discardsText)
  }

  var mayClose: Bool {
    guard case .connection = record else { return false }
    return !application.hasLetGo
  }

  /// One octet. Like the engine's `send` it makes a sender of the connection (Calls/SendReceive).
  mutating func send(_ ground: inout ExplorationGround) {
    guard case .connection(var tcb) = record else { return }
    var block = cold.first ?? ColdBlock()
    let octets = [Self.octet(of: iss, at: application.sent)]
    do throws(SendError) {
      _ = try tcb.send(octets.rawSpan, cold: &block, &ground.around, now: clock)
      application.sent &+= 1
      application.unsent &-= 1
    } catch {
      ground.fail(.unforeseen("send is refused"))
    }
    record = .connection(tcb)
    cold = block.isIdle ? [] : [block]
    isSender = true
  }

  mutating func shutSend(_ out: inout ExploredWay, _ ground: inout ExplorationGround) {
    call(&out, &ground) { end, tcb, block, around in
      end.application.hasShutSend = true
      return try? tcb.shutdownSend(cold: block, &around, now: end.clock)
    }
  }

  mutating func shutReceive(_ out: inout ExploredWay, _ ground: inout ExplorationGround) {
    call(&out, &ground) { end, tcb, block, around in
      end.application.hasShutReceive = true
      return tcb.shutdownReceive(cold: &block, &around, now: end.clock)
    }
  }

  mutating func close(_ out: inout ExploredWay, _ ground: inout ExplorationGround) {
    call(&out, &ground) { end, tcb, block, around in
      end.application.hasLetGo = true
      return tcb.close(cold: &block, &around, now: end.clock)
    }
  }

  mutating func abort(_ out: inout ExploredWay, _ ground: inout ExplorationGround) {
    call(&out, &ground) { end, tcb, block, around in
      end.application.hasLetGo = true
      return tcb.abort(cold: &block, &around, now: end.clock)
    }
  }

  /// A call to the connection, if there is one; what it leads to is carried out, unless it was refused.
  private mutating func call(
    _ out: inout ExploredWay, _ ground: inout ExplorationGround,
    _ body: (inout Self, inout TCB, inout ColdBlock, inout Surroundings) -> Reaction?
  ) {
    guard case .connection(var tcb) = record else { return }
    var block = cold.first ?? ColdBlock()
    guard let reaction = body(&self, &tcb, &block, &ground.around) else { return }
    apply(reaction, &tcb, &block, &out, &ground)
  }

  // MARK: Reading

  /// Takes what can be read and compares it with what the other end sent.
  mutating func readAll(
    _ tcb: inout TCB, _ block: inout ColdBlock, _ reaction: inout Reaction,
    _ ground: inout ExplorationGround
  ) {
    guard !application.hasLetGo, !application.hasShutReceive else { return }
    var octets = [UInt8](repeating: 0, count: 8)
    while true {
      var elements = octets.mutableSpan
      var out = unsafe elements.mutableBytes
      guard
        let count = try? tcb.receive(
          into: &out, cold: &block, &ground.around, now: clock, &reaction)
      else { return }
      if count == 0 {
        application.sawEnd = true
        return
      }
      reads(octets[..<count], &ground)
    }
  }

  mutating func reads(_ octets: ArraySlice<UInt8>, _ ground: inout ExplorationGround) {
    for octet in octets {
      if octet != Self.octet(of: ground.peerISS, at: application.read) {
        ground.fail(.wrongOctet(at: UInt32(application.read)))
      }
      application.read &+= 1
    }
  }
}
