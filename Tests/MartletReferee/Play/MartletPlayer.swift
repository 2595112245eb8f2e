import MartletStack
import MartletTCP
import MartletWire

/// Plays a script to Martlet: a whole stack behind a link in memory, in virtual time.
package struct MartletPlayer: ~Copyable {
  private var stack: NetworkStack
  private let interface: InterfaceID
  private var now = Instant(nanoseconds: 1_000_000_000_000)
  private var peer: Peer
  private let settings: Script.Settings
  private var listener: ListenerID?
  private var connection: ConnectionID?
  private var takenCount = 0
  private var sentCount = 0
  private var hasToldError = false
  private var hasAccepted = false
  private var outcome = Outcome()
  private var stepBegan = Instant(nanoseconds: 0)

  package static func play(_ script: Script) -> [MartletStep] {
    guard var player = MartletPlayer(script) else { return [] }
    return script.steps.indices.map {
      player.take(script.steps[$0], lasting: .milliseconds(Int64(script.milliseconds(at: $0))))
    }
  }

  private init?(_ script: Script) {
    var configuration = StackConfiguration()
    // A window that needs no scale is told to the octet.
    configuration.tcp.receiveBuffer = 65_535
    configuration.tcp.maximumReceiveBuffer = 65_535
    configuration.tcp.fitsReceiveBuffer = false
    configuration.tcp.challengeInterval = .zero
    configuration.resetsPerSecond = 1_000_000
    configuration.recorderCapacity = 0
    stack = NetworkStack(configuration: configuration, seed: StackSeed(1))
    let own = IPPrefix(.v4(IPv4Address(bits: 0x0a00_0001)), length: 8)
    let six = IPPrefix(.v6(Self.six(0x0a00_0001)), length: 96)
    guard let added = try? stack.addInterface(InterfaceConfiguration(mtu: 1_500, addresses: [own, six]))
    else {
      return nil
    }
    interface = added
    settings = script.settings
    let ends = Peer.Ends(
      isIPv6: settings.isIPv6, stackPort: 80, peerPort: 4_000, stackAddress: 0x0a00_0001,
      peerAddress: 0x0a01_0002)
    peer = Peer(ends, irs: script.settings.peerISN)
  }

  static func six(_ address: UInt32) -> IPv6Address {
    IPv6Address(high: 0xfd00_0000_0000_0000, low: UInt64(address))
  }

  private mutating func take(_ step: Script.Step, lasting time: TimeAmount) -> MartletStep {
    let before = flowState
    let view = PeerView(peer)
    peer.clock += 10
    stepBegan = now
    outcome = Outcome()
    switch step {
    case .inject(let segment):
      let packet = peer.packet(segment)
      stack.receive(packet.span.bytes, on: interface, now: now)
    case .wait: break
    default: outcome.result = call(step)
    }
    settle()
    pass(time)
    outcome.state = socketState
    return MartletStep(step: step, outcome: outcome, stateBefore: before, view: view)
  }

  // MARK: Time and packets

  private mutating func pass(_ time: TimeAmount) {
    let end = now.advanced(by: time)
    while let deadline = stack.nextDeadline(now: now), deadline <= end {
      now = max(now, deadline)
      stack.advance(to: now)
      settle()
      // A deadline that stays where it is would hold us here.
      if let next = stack.nextDeadline(now: now), next <= now { break }
    }
    now = end
    stack.advance(to: now)
    settle()
  }

  private mutating func settle() {
    var isBusy = true
    while isBusy {
      isBusy = false
      while let event = stack.nextEvent() {
        isBusy = true
        if case .listener(let id) = event { accept(id) }
      }
      while let packet = pull() {
        isBusy = true
        guard var answer = peer.answer(packet) else { continue }
        answer.time = Int(now.since(stepBegan).nanoseconds / 1_000_000)
        outcome.answers.append(answer)
      }
    }
  }

  private mutating func accept(_ id: ListenerID) {
    while let accepted = try? stack.accept(id) {
      if !hasAccepted { connection = accepted }
      hasAccepted = true
    }
  }

  private mutating func pull() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 1_536)
    var elements = buffer.mutableSpan
    var out = elements.mutableBytes
    guard let packet = stack.nextPacket(on: interface, into: &out, now: now) else { return nil }
    return Array(buffer[..<packet.count])
  }

  // MARK: Calls

  private mutating func call(_ step: Script.Step) -> String? {
    switch step {
    case .listen:
      var options = ListenerOptions()
      options.connection = connectionOptions
      options.synCookies = .off
      listener = try? stack.listen(on: LocalEndpoint(port: peer.ends.stackPort), options)
      return nil
    case .unlisten:
      if let listener { try? stack.close(listener, now: now) }
      listener = nil
      return nil
    case .connect:
      let address = peer.ends.peerAddress
      let remote = Endpoint(
        address: peer.ends.isIPv6 ? .v6(Self.six(address)) : .v4(IPv4Address(bits: address)),
        port: peer.ends.peerPort)
      let local = LocalEndpoint(port: peer.ends.stackPort)
      connection = try? stack.connect(to: remote, from: local, connectionOptions, now: now)
      return nil
    case .send, .receive, .shutdown, .close, .abort:
      guard let connection else { return CallResult.noSocket }
      return call(step, connection)
    case .inject, .wait:
      return nil
    }
  }

  private mutating func call(_ step: Script.Step, _ id: ConnectionID) -> String? {
    switch step {
    case .send(let count): return send(count, id)
    case .receive(let count): return receive(count, id)
    case .shutdown(let half):
      let which: Half =
        switch half {
        case .send: .send
        case .receive: .receive
        case .both: .both
        }
      do throws(ShutdownError) {
        try stack.shutdown(id, which, now: now)
        return CallResult.done
      } catch {
        return CallResult.notConnected
      }
    case .close:
      try? stack.close(id, now: now)
      connection = nil
    case .abort:
      try? stack.abort(id, now: now)
      connection = nil
    default: break
    }
    return nil
  }

  private mutating func send(_ count: Int, _ id: ConnectionID) -> String {
    let text = Peer.text(from: sentCount + 1, count)
    do throws(SendError) {
      let taken = try stack.send(id, text.span.bytes, now: now)
      sentCount += taken
      return "sent \(taken)"
    } catch {
      switch error {
      case .wouldBlock: return CallResult.full
      case .shutDown, .noConnection: return CallResult.shutDown
      case .ended(let reason): return tellError(reason)
      }
    }
  }

  private mutating func receive(_ count: Int, _ id: ConnectionID) -> String {
    var text = [UInt8](repeating: 0, count: count)
    do throws(ReceiveError) {
      var elements = text.mutableSpan
      var out = elements.mutableBytes
      let taken = try stack.receive(id, into: &out, now: now)
      guard taken > 0 else { return hasToldError ? CallResult.over : CallResult.end }
      let isRight = Peer.text(from: takenCount + 1, taken) == Array(text[..<taken])
      takenCount += taken
      return "\(taken) octets" + (isRight ? "" : ", which are wrong")
    } catch {
      switch error {
      case .wouldBlock: return CallResult.nothing
      case .noConnection: return CallResult.noSocket
      case .ended(.closed): return CallResult.end
      case .ended(let reason): return tellError(reason)
      }
    }
  }

  /// An error is told once; after that the connection is over, as sockets have it.
  private mutating func tellError(_ reason: EndReason) -> String {
    guard !hasToldError, reason != .closed else { return CallResult.over }
    hasToldError = true
    switch reason {
    case .reset: return CallResult.reset
    case .refused: return CallResult.refused
    case .timedOut, .keepAliveTimedOut: return CallResult.timedOut
    case .none, .closed: return CallResult.over
    case .unreachable, .aborted, .evicted, .idle: return "\(reason)"
    }
  }

  private var connectionOptions: ConnectionOptions {
    var options = ConnectionOptions()
    options.noDelay = !settings.nagle
    options.quickAck = !settings.delaysAcknowledgments
    options.receiveBuffer = UInt32(settings.receiveBuffer)
    options.userTimeout = .milliseconds(Int64(settings.userTimeout))
    if let keepAlive = settings.keepAlive {
      options.keepAlive = true
      options.keepAliveIdle = UInt16(clamping: keepAlive.idle)
      options.keepAliveInterval = UInt16(clamping: keepAlive.interval)
      options.keepAliveCount = UInt8(clamping: keepAlive.count)
    }
    return options
  }

  // MARK: States

  /// What a socket shows: TIME-WAIT is no socket's state with BSD's, and a handle that has ended is over.
  private var socketState: String? {
    guard let connection, let report = try? stack.status(connection, now: now) else { return nil }
    return SocketState.shown(String(describing: report.tcp.state.name))
  }

  private var flowState: String {
    var found: TCPState?
    stack.forEachFlow(now: now) { flow in
      guard flow.remote.port == peer.ends.peerPort else { return }
      // A handle whose wire side lingers has two lines; the wire side is the state.
      if found == nil || found == .closed { found = flow.state }
    }
    if found == nil || found == .closed, listener != nil { return "LISTEN" }
    return String(describing: (found ?? .closed).name)
  }
}

/// What Martlet did in a step, and where it stood before.
package struct MartletStep: Sendable {
  var step: Script.Step
  package var outcome: Outcome
  /// Of the flow, from whatever record there is; LISTEN where only a listener is there.
  package var stateBefore: String
  var view: PeerView
}

/// The edges as the scripted peer knows them before a step.
struct PeerView: Sendable {
  var rcvNxt: Int
  var rcvEdge: Int
  var sndUna: Int
  var sndNxt: Int
  /// Of the stack's windows.
  var scale: Int
  /// Timestamps were agreed on.
  var usesStamps: Bool
  /// TSecr that the stack has sent last.
  var lastEcho: Int?

  func value(_ number: ScriptNumber) -> Int {
    switch number.base {
    case .initial: number.offset
    case .rcvNxt: rcvNxt + number.offset
    case .rcvEdge: rcvEdge + number.offset
    case .sndUna: sndUna + number.offset
    case .sndNxt: sndNxt + number.offset
    }
  }

  init(_ peer: Peer) {
    scale = peer.scale
    usesStamps = peer.usesStamps
    lastEcho = peer.lastEcho
    rcvNxt = peer.rcvNxt
    rcvEdge = peer.rcvEdge
    sndUna = peer.sndUna
    sndNxt = peer.sndNxt
  }
}

enum SocketState {
  /// Linux shows a socket in TIME-WAIT as closed, since the record has left the socket.
  static func shown(_ name: String) -> String { name == "TIME-WAIT" || name == "CLOSED" ? "over" : name }

  /// By TCP_INFO's number (include/net/tcp_states.h).
  static let linux = [
    "", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED",
    "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING",
  ]
}
