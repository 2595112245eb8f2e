import MartletStack
import MartletTCP
import MartletWire
public import Testing

extension Scenario {
  /// Drains events, pulls packets and checks everything, until nothing is left to do. Every verb of a
  /// scenario does it; a script that calls `stack` itself does it afterwards.
  public func settle(sourceLocation: SourceLocation = #_sourceLocation) {
    var isBusy = true
    while isBusy {
      isBusy = false
      while let event = stack.nextEvent() {
        isBusy = true
        note(event)
      }
      while let octets = pull() {
        isBusy = true
        take(octets, sourceLocation)
      }
    }
    if let broken = stack.checkInvariants() { fail("an invariant is broken: \(broken)", sourceLocation) }
  }

  private func pull() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0xee, count: bufferCount)
    let packet = writing(&buffer) { stack.nextPacket(on: interface, into: &$0, now: now) }
    guard let packet else { return nil }
    return Array(buffer[..<packet.count])
  }

  private func note(_ event: StackEvent) {
    events.append(event)
    guard case .listener(let id) = event, acceptsAtOnce else { return }
    while let next = try? stack.accept(id) {
      accepted.append(next)
      guard connection == nil, isOwn(next) else { continue }
      connection = next
      hasEverConnected = true
    }
  }

  private func isOwn(_ id: ConnectionID) -> Bool {
    guard let report = try? stack.status(id, now: now) else { return false }
    return report.remote == Endpoint(address: peer, port: peerPort) && report.local.port == localPort
  }

  private func take(_ octets: [UInt8], _ sourceLocation: SourceLocation) {
    let packet = SeenPacket(octets, at: now) { flow, header in
      var known = self.numbers(of: flow)
      known.stackSends(header)
      self.flows[flow] = known
      return known
    }
    transcript.add(">", text(packet), at: now)
    waiting.append(packet)
    for problem in PacketChecks.problems(octets) { fail("a packet is wrong: \(problem)", sourceLocation) }
    guard let segment = packet.segment else { return }
    checkFlow(segment, sourceLocation)
  }

  /// What must hold from one segment to the next.
  private func checkFlow(_ segment: SeenSegment, _ sourceLocation: SourceLocation) {
    let flow = segment.flow
    var known = numbers(of: flow)
    defer { flows[flow] = known }
    if flow == ownFlow, known.iss != nil { checkText(segment, known, sourceLocation) }
    guard segment.flags.contains(.ack), !segment.flags.contains(.rst) else { return }
    if let highest = known.highestAck, segment.ack < highest {
      fail("the acknowledgment went back from \(highest) to \(segment.ack)", sourceLocation)
    }
    known.highestAck = max(known.highestAck ?? segment.ack, segment.ack)
    let shift = segment.flags.contains(.syn) ? 0 : Int(known.shift)
    let edge = segment.ack + segment.window << shift
    // RFC 9293 §3.8.6, SHLD-14: no receiver should shrink its window; rounding by the scale is no shrinking.
    let slack = known.shift > 0 ? 1 << Int(known.shift) : 0
    if let offered = known.offeredEdge, edge + slack < offered, !allowsShrinkingWindow {
      fail("the window's right edge went back from \(offered) to \(edge)", sourceLocation)
    }
    known.offeredEdge = max(known.offeredEdge ?? edge, edge)
  }

  /// The text is what was sent, and inside the peer's window but for a probe's octet.
  private func checkText(_ segment: SeenSegment, _ known: FlowNumbers, _ sourceLocation: SourceLocation) {
    guard !segment.text.isEmpty else { return }
    let first = segment.seq - 1
    // The octet of a keep-alive lies before the window, and may be anything (RFC 9293 §3.8.4).
    let isKeepAlive = segment.text.count == 1 && first < sent.count && known.allowedEdge != nil
    if first < 0 || first + segment.text.count > sent.count {
      fail("text that the application never sent: \(segment)", sourceLocation)
    } else if Array(sent[first..<first + segment.text.count]) != segment.text, !isKeepAlive {
      fail("the text is not what the application sent there: \(segment)", sourceLocation)
    }
    if let edge = known.allowedEdge, segment.seq + segment.text.count > edge + 1, !allowsTextBeyondWindow {
      fail("text beyond the peer's window, which ends at \(edge): \(segment)", sourceLocation)
    }
  }
}
