import MartletStack
import MartletTCP
import MartletWire

// Calls of an application. Their errors are part of what is tried; what they leave behind is checked
// after every step.

extension StackDriver {
  mutating func callConnection() {
    let what = script.next()
    guard !connections.isEmpty else { return }
    let i = Int(what >> 4) % connections.count
    let id = connections[i]
    switch what & 15 {
    case 0...2:
      let text = Octets(repeating: 5, count: script.nextCount())
      _ = try? stack.send(id, text.span.bytes, urgent: what & 15 == 2, now: now)
    case 3...5: receive(id, peek: what & 15 == 5)
    case 6: try? stack.shutdown(id, .send, now: now)
    case 7: try? stack.shutdown(id, .receive, now: now)
    case 8: try? stack.shutdown(id, .both, now: now)
    case 9:
      // The handle is kept: every later call must find it stale.
      try? stack.close(id, now: now)
    case 10: try? stack.abort(id, now: now)
    case 11: _ = try? stack.takeError(id)
    case 12: _ = try? stack.status(id, now: now)
    case 13: _ = try? stack.readiness(id)
    case 14: setOptions(id)
    default: stack.forEachFlow(now: now) { _ in }
    }
  }

  private mutating func receive(_ id: ConnectionID, peek: Bool) {
    var buffer = Octets(repeating: 0, count: script.nextCount())
    var elements = buffer.mutableSpan
    var out = elements.mutableBytes
    if peek {
      _ = try? stack.peek(id, at: 3, into: &out)
    } else {
      _ = try? stack.receive(id, into: &out, now: now)
    }
  }

  private mutating func setOptions(_ id: ConnectionID) {
    guard var options = try? stack.options(id) else { return }
    let bits = script.next()
    options.noDelay = bits & 1 != 0
    options.quickAck = bits & 2 != 0
    options.keepAlive = bits & 4 != 0
    options.keepAliveIdle = 3
    options.userTimeout = bits & 8 != 0 ? .seconds(2) : .zero
    options.linger = bits & 16 != 0 ? .atMost(.milliseconds(Int64(bits) * 100)) : .background
    options.receiveBuffer = bits & 32 != 0 ? 1 : 0
    options.dscp = bits
    try? stack.setOptions(id, options, now: now)
  }

  mutating func callListener() {
    let what = script.next()
    switch what & 7 {
    case 0...2:
      guard !listeners.isEmpty else { return }
      if let id = try? stack.accept(listeners[Int(what >> 3) % listeners.count]) { connections.append(id) }
    case 3:
      guard !attempts.isEmpty else { return }
      let answers: [AttemptAnswer] = [.accept, .reset, .unreachable, .drop]
      let id = attempts[Int(what >> 5) % attempts.count]
      _ = try? stack.report(id)
      try? stack.answer(id, answers[Int(what >> 3 & 3)], now: now)
    case 4:
      guard !listeners.isEmpty else { return }
      try? stack.close(listeners[Int(what >> 3) % listeners.count], now: now)
    case 5:
      guard listeners.count < 8 else { return }
      var options = ListenerOptions()
      options.acceptLimit = UInt32(what >> 6)
      options.halfOpenLimit = UInt32(what >> 4)
      let address: IPAddress? = what & 8 == 0 ? nil : Places.own6
      if let id = try? stack.listen(
        on: LocalEndpoint(address: address, port: Places.ports[Int(what >> 4 & 7)]), options)
      {
        listeners.append(id)
      }
    default:
      guard !listeners.isEmpty else { return }
      _ = try? stack.status(listeners[Int(what >> 3) % listeners.count])
    }
  }

  mutating func callSocket() {
    let what = script.next()
    let (remote, _) = addresses()
    let endpoint = Endpoint(address: remote, port: Places.ports[Int(what >> 5)])
    if what & 7 == 0, sockets.count < 8 {
      let peer = what & 8 == 0 ? nil : endpoint
      if let id = try? stack.openDatagram(on: LocalEndpoint(port: what & 16 == 0 ? 0 : 53), connectedTo: peer)
      {
        sockets.append(id)
      }
      return
    }
    guard !sockets.isEmpty else { return }
    let id = sockets[Int(what >> 3 & 3) % sockets.count]
    switch what & 7 {
    case 1, 2:
      let text = Octets(repeating: 3, count: script.nextCount())
      let to = what & 7 == 1 ? endpoint : nil
      if what & 16 == 0 {
        try? stack.send(id, text.span.bytes, to: to, now: now)
      } else {
        let size = UInt16(truncatingIfNeeded: script.nextCount())
        _ = try? stack.sendTrain(id, text.span.bytes, of: size, to: to, now: now)
      }
    case 3, 4:
      var buffer = Octets(repeating: 0, count: script.nextCount())
      var elements = buffer.mutableSpan
      var out = elements.mutableBytes
      _ = try? stack.receive(id, into: &out, now: now)
    case 5: _ = try? stack.readiness(id)
    case 6: _ = try? stack.localEndpoint(id)
    default: try? stack.close(id)
    }
  }

  mutating func connect() {
    let what = script.next()
    let (remote, _) = addresses()
    guard connections.count < 16 else { return }
    let from: LocalEndpoint? = what & 1 == 0 ? nil : LocalEndpoint(port: Places.ports[Int(what >> 4 & 7)])
    let to = Endpoint(address: remote, port: Places.ports[Int(what >> 1 & 7)])
    var options = ConnectionOptions()
    options.fastOpen = what & 128 != 0
    if let id = try? stack.connect(to: to, from: from, options, now: now) { connections.append(id) }
  }

  mutating func changeInterface() {
    let what = script.next()
    let prefix = setup.addresses[Int(what >> 7)]
    let elsewhere = IPPrefix(.v4(IPv4Address(192, 0, 2, 0)), length: 24)
    switch what & 7 {
    case 0: try? stack.removeAddress(prefix.address, from: interface)
    case 1: try? stack.addAddress(prefix, to: interface)
    case 2: try? stack.addRoute(Route(prefix: elsewhere, interface: interface, gateway: Places.peer4))
    case 3: try? stack.removeRoute(to: elsewhere)
    case 4:
      try? stack.removeInterface(interface)
      if let id = try? stack.addInterface(setup) { interface = id }
    default: try? stack.setMTU(UInt16(what) * 8, of: interface)
    }
  }

  mutating func wait(long: Bool) throws(Finding) {
    let kind = script.next()
    if long, let deadline = stack.nextDeadline(now: now) {
      now = max(now, deadline)
    } else if long {
      now = now.advanced(by: .hours(Int64(kind)))
    } else {
      now = now.advanced(by: .milliseconds(Int64(kind) * 8))
    }
    stack.advance(to: now)
    if let deadline = stack.nextDeadline(now: now) {
      try expect(deadline.milliseconds + 1 > now.milliseconds, "what was due has been done")
    }
  }

  mutating func drainEvents() {
    var count = 0
    while count < 1_000, let event = stack.nextEvent() {
      count += 1
      if case .attempt(let id) = event, attempts.count < 16 { attempts.append(id) }
    }
  }
}
