import MartletTCP
import MartletWire

extension ConnectionDriver {
  var hasConnection: Bool { embryo == nil && !hasClosed }

  mutating func sendText() throws(Finding) {
    let count = script.nextCount()
    tell("send \(count)")
    guard hasConnection else { return }
    let isUrgent = count % 16 == 15
    let text = (0..<UInt32(count)).map { outboundOctet(queued &+ $0) }
    let before = cold.send.count
    do throws(SendError) {
      let taken = try tcb.send(
        text.span.bytes, urgent: isUrgent, cold: &cold, &around, now: now)
      try checkSent(taken, count, before)
    } catch .wouldBlock {
      try expect(cold.send.count == before, "a refused send takes nothing")
      try expect(tcb.state != .closed && !hasFinished, "only what is open can block")
    } catch {
      try expect(tcb.state == .closed || tcb.state == .timeWait || hasFinished, "what is open can be sent to")
    }
    try checkRecord()
  }

  private mutating func checkSent(_ taken: Int, _ count: Int, _ before: UInt32) throws(SendError) {
    queued &+= UInt32(taken)
    let fits = taken <= count && (taken > 0 || count == 0) && cold.send.count == before &+ UInt32(taken)
    // Told as an error that cannot be meant otherwise here: the state is open.
    if !fits { throw .noConnection }
  }

  mutating func receiveText(_ most: Int) throws(Finding) {
    tell("receive \(most)")
    guard hasConnection else { return }
    var octets = [UInt8](repeating: 0, count: most)
    var reaction: Reaction = []
    let unread = cold.receive.count
    var count = 0
    var failure: ReceiveError?
    do throws(ReceiveError) {
      var elements = octets.mutableSpan
      var out = elements.mutableBytes
      count = try tcb.receive(into: &out, cold: &cold, &around, now: now, &reaction)
    } catch {
      failure = error
    }
    try expect(count == (failure == nil ? min(most, Int(unread)) : 0), "what is there is received")
    try inbound.deliver(octets[..<count])
    if count == 0, most > 0 { try checkEnd(failure) }
    try checkRecord()
  }

  /// Nothing was received: the end of the stream, a reason, or nothing yet.
  private func checkEnd(_ failure: ReceiveError?) throws(Finding) {
    guard !tcb.mode.contains(.discardsText) else { return }
    switch failure {
    case nil:
      let end = inbound.offset(of: tcb.rcv.nxt) &- 1
      try expect(
        tcb.mode.contains(.finReceived) && (inbound.delivered == end || tcb.state == .closed),
        "the stream ends at the peer's FIN: \(inbound.delivered) of \(end)")
    case .wouldBlock: try expect(tcb.state != .closed, "what has ended does not block")
    case .ended(let reason): try expect(reason != .none && tcb.state == .closed, "an end has a reason")
    case .noConnection: throw Finding("there is a connection")
    }
  }

  mutating func peekText() throws(Finding) {
    let offset = UInt32(script.nextCount())
    guard hasConnection else { return }
    var octets = [UInt8](repeating: 0, count: 64)
    var count = 0
    do throws(ReceiveError) {
      var elements = octets.mutableSpan
      var out = elements.mutableBytes
      count = try tcb.peek(at: offset, into: &out, cold: cold, around)
    } catch {
      try expect(error != .noConnection, "there is a connection")
    }
    try inbound.check(octets[..<count], ahead: offset)
  }

  mutating func shutDown() throws(Finding) {
    let isReceive = script.next() & 1 == 1
    tell("shut down \(isReceive ? "receiving" : "sending")")
    guard hasConnection else { return }
    if isReceive {
      guard tcb.state != .closed else { return }
      try settle(tcb.shutdownReceive(cold: &cold, &around, now: now))
      return
    }
    do throws(ShutdownError) {
      let reaction = try tcb.shutdownSend(cold: cold, &around, now: now)
      hasFinished = true
      try settleOpen(reaction)
    } catch {
      try expect(tcb.state == .closed || tcb.state == .timeWait, "what is open can be shut")
    }
    try checkRecord()
  }

  private mutating func settleOpen(_ reaction: Reaction) throws(ShutdownError) {
    if reaction.contains(.closed) || tcb.state == .closed { throw .noConnection }
  }

  mutating func closeOrAbort() throws(Finding) {
    let how = script.next()
    tell(how & 3 == 3 ? "abort" : "close \(how & 3)")
    guard hasConnection, tcb.state != .closed else { return }
    if how & 3 == 3 {
      let wasKnown = tcb.state.isSynchronized || tcb.state == .synReceived
      // Both FINs are exchanged, unless ours still waits behind text or for a window.
      let isFinished = cold.send.isEmpty && tcb.mode.contains(.finSent)
      let isOver = tcb.state == .timeWait || ([.closing, .lastAck].contains(tcb.state) && isFinished)
      let reaction = tcb.abort(cold: &cold, &around, now: now)
      try expect(
        reaction.contains(.sendReset) == (wasKnown && !isOver), "a peer that knows of it is told of an abort")
      try settle(reaction)
      return
    }
    let linger: Linger =
      switch how & 3 {
      case 0: .background
      case 1: .atMost(.seconds(Int64(how >> 2)))
      default: .atMost(.zero)
      }
    let reaction = tcb.close(linger: linger, cold: &cold, &around, now: now)
    hasFinished = true
    hasClosed = true
    try settle(reaction)
  }

  mutating func changeOptions() throws(Finding) {
    let bits = script.next()
    guard hasConnection, tcb.state != .closed, tcb.state != .timeWait else { return }
    var options = tcb.options
    options.noDelay = bits & 1 != 0
    options.quickAck = bits & 2 != 0
    options.keepAlive = bits & 4 != 0
    options.keepAliveIdle = UInt16(script.next())
    options.keepAliveInterval = UInt16(script.next())
    options.keepAliveCount = bits >> 4
    options.userTimeout = bits & 8 != 0 ? .milliseconds(Int64(script.nextCount())) : .zero
    options.receiveBuffer = UInt32(script.nextCount()) &* 64
    options.sendBuffer = UInt32(script.nextCount()) &* 64
    options.maximumSegmentSize = UInt16(script.nextCount())
    tell("\(options)")
    try settle(tcb.set(options, cold: cold, around, now: now))
  }

  /// ICMP errors that quote a segment, and a path that takes less.
  mutating func hearOfThePath() throws(Finding) {
    let kind = script.next()
    let quoted = numbers.una.moved(by: script.nextDistance())
    tell(kind & 1 == 0 ? "path MSS \(UInt16(kind) * 8)" : "ICMP error")
    guard embryo == nil, timeWait == nil, tcb.state != .closed else { return }
    let before = tcb
    if kind & 1 == 0 {
      try settle(tcb.pathMTUFell(toMSS: UInt16(kind) * 8, cold: &cold, &around, now: now))
      try expect(tcb.snd.mss <= before.snd.mss, "the MSS is never raised by hearsay")
      try expect(tcb.snd.mss >= 88 || tcb.snd.mss == before.snd.mss, "E2: the MSS has a floor")
      return
    }
    let error = SoftError(rawValue: kind >> 1 & 7) ?? .none
    let reaction = tcb.networkError(
      error, isHard: kind & 0x80 != 0, quoted: quoted, cold: &cold, &around, now: now)
    if tcb.state == .closed {
      try expect(!before.state.isSynchronized, "O5: ICMP ends no synchronized connection")
    }
    try settle(reaction)
  }

  /// Calls that only look, and a snapshot that takes over.
  mutating func look() throws(Finding) {
    let kind = script.next()
    guard embryo == nil else { return }
    let status = tcb.status(cold: cold, around, now: now)
    try expect(status.unread == cold.receive.count, "STATUS tells what is unread")
    _ = (tcb.isReadable(cold), tcb.isWritable(cold), tcb.hasPeerFinished, tcb.options)
    if kind & 1 != 0 {
      _ = tcb.takeError()
      try expect(tcb.takeError() == .none, "an error is told once")
    }
    if kind & 2 != 0 { around = around.copy() }
  }
}
