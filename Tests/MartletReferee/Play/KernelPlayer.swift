#if os(Linux)
  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// One script on its way through the kernel: its sockets, its peer, and what has come so far.
  ///
  /// It lives on the stage's thread, inside the namespace.
  final class KernelPlayer {
    let ends: Peer.Ends
    let index: Int
    private(set) var outcomes: [Outcome] = []
    private let script: Script
    private var peer: Peer
    private var nextIndex = 0
    private var listening: Int32?
    private var socket: Int32?
    private var current: Outcome?
    private var stepBegan: UInt64 = 0
    /// By how much a step has lasted longer than it should at most, in nanoseconds.
    private(set) var lateness: UInt64 = 0
    private var sentCount = 0
    private var takenCount = 0
    private var hasToldError = false
    /// A second connection on the same ports is nobody's.
    private var hasAccepted = false

    init(_ script: Script, _ ends: Peer.Ends, index: Int) {
      self.script = script
      self.ends = ends
      self.index = index
      peer = Peer(ends, irs: script.settings.peerISN)
    }

    // MARK: Steps

    func nextStep() -> Script.Step? {
      guard nextIndex < script.steps.count else { return nil }
      peer.clock += 10
      stepBegan = KernelStage.now
      var outcome = Outcome()
      outcome.view = PeerView(peer)
      current = outcome
      nextIndex += 1
      return script.steps[nextIndex - 1]
    }

    /// Nanoseconds that the current step takes.
    var timeOfStep: UInt64 { UInt64(script.milliseconds(at: nextIndex - 1)) * 1_000_000 }

    func packet(of step: Script.Step) -> [UInt8] {
      guard case .inject(let segment) = step else { return [] }
      return peer.packet(segment)
    }

    func finishStep() {
      guard var outcome = current else { return }
      let took = KernelStage.now - stepBegan
      lateness = max(lateness, took - min(took, timeOfStep))
      accept()
      outcome.state = state
      outcomes.append(outcome)
      current = nil
    }

    func take(_ packet: [UInt8], at time: UInt64) {
      guard var answer = peer.answer(packet) else { return }
      answer.time = Int((time - min(stepBegan, time)) / 1_000_000)
      current?.answers.append(answer)
    }

    // MARK: Sockets

    func open(_ step: Script.Step) {
      let family = ends.isIPv6 ? AF_INET6 : AF_INET
      let descriptor = Glibc.socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
      set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
      setOptions(descriptor)
      withAddress(ends.stackAddress, ends.stackPort) { _ = bind(descriptor, $0, $1) }
      if step == .listen {
        listening = descriptor
        _ = Glibc.listen(descriptor, 16)
      } else {
        socket = descriptor
        withAddress(ends.peerAddress, ends.peerPort) { _ = Glibc.connect(descriptor, $0, $1) }
      }
    }

    private func setOptions(_ descriptor: Int32) {
      let settings = script.settings
      set(descriptor, SOL_SOCKET, SO_OOBINLINE, 1)
      if !settings.nagle { set(descriptor, Int32(IPPROTO_TCP), 1, 1) }
      if settings.receiveBuffer > 0 { set(descriptor, SOL_SOCKET, SO_RCVBUF, Int32(settings.receiveBuffer)) }
      if settings.userTimeout > 0 { set(descriptor, Int32(IPPROTO_TCP), 18, Int32(settings.userTimeout)) }
      guard let keepAlive = settings.keepAlive else { return }
      set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
      set(descriptor, Int32(IPPROTO_TCP), 4, Int32(keepAlive.idle))  // TCP_KEEPIDLE
      set(descriptor, Int32(IPPROTO_TCP), 5, Int32(keepAlive.interval))  // TCP_KEEPINTVL
      set(descriptor, Int32(IPPROTO_TCP), 6, Int32(keepAlive.count))  // TCP_KEEPCNT
    }

    func accept() {
      guard let listening, !hasAccepted else { return }
      let accepted = Glibc.accept(listening, nil, nil)  // every call says MSG_DONTWAIT
      guard accepted >= 0 else { return }
      socket = accepted
      hasAccepted = true
    }

    func call(_ step: Script.Step) {
      switch step {
      case .unlisten:
        if let listening { Glibc.close(listening) }
        listening = nil
      case .send, .receive, .shutdown, .close, .abort:
        current?.result = result(of: step)
      case .listen, .connect, .inject, .wait:
        break
      }
    }

    private func result(of step: Script.Step) -> String? {
      guard let socket else { return CallResult.noSocket }
      switch step {
      case .send(let count): return send(count, socket)
      case .receive(let count): return receive(count, socket)
      case .shutdown(let half):
        let how =
          switch half {
          case .receive: Int32(SHUT_RD)
          case .send: Int32(SHUT_WR)
          case .both: Int32(SHUT_RDWR)
          }
        return Glibc.shutdown(socket, how) == 0 ? CallResult.done : CallResult.notConnected
      case .close:
        Glibc.close(socket)
        self.socket = nil
      case .abort:
        reset(socket)
        self.socket = nil
      default: break
      }
      return nil
    }

    private func send(_ count: Int, _ socket: Int32) -> String {
      let text = Peer.text(from: sentCount + 1, count)
      let taken = Glibc.send(socket, text, count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      guard taken < 0 else {
        sentCount += taken
        return "sent \(taken)"
      }
      return failure(errno, CallResult.full)
    }

    private func receive(_ count: Int, _ socket: Int32) -> String {
      var text = [UInt8](repeating: 0, count: count)
      let taken = recv(socket, &text, count, Int32(MSG_DONTWAIT))
      guard taken >= 0 else { return failure(errno, CallResult.nothing) }
      guard taken > 0 else { return hasToldError ? CallResult.over : CallResult.end }
      let isRight = Peer.text(from: takenCount + 1, taken) == Array(text[..<taken])
      takenCount += taken
      return "\(taken) octets" + (isRight ? "" : ", which are wrong")
    }

    private func failure(_ number: Int32, _ busy: String) -> String {
      switch number {
      case EAGAIN: return busy
      case EPIPE: return CallResult.shutDown
      case ENOTCONN: return CallResult.over
      case ECONNRESET, ECONNREFUSED, ETIMEDOUT:
        if hasToldError { return CallResult.over }
        hasToldError = true
        return number == ECONNRESET
          ? CallResult.reset : number == ECONNREFUSED ? CallResult.refused : CallResult.timedOut
      default: return String(cString: strerror(number))
      }
    }

    /// What TCP_INFO says.
    private var state: String? {
      guard let socket else { return nil }
      var octets = [UInt8](repeating: 0, count: 8)
      var size = socklen_t(8)
      guard getsockopt(socket, Int32(IPPROTO_TCP), 11, &octets, &size) == 0 else { return nil }
      guard Int(octets[0]) < SocketState.linux.count else { return nil }
      return SocketState.shown(SocketState.linux[Int(octets[0])])
    }

    // MARK: The end

    func closeAll() {
      if let socket { reset(socket) }
      if let listening { Glibc.close(listening) }
      socket = nil
      listening = nil
    }

    /// A reset that fits, for a connection that no socket holds any more.
    var parting: [UInt8] {
      peer.packet(ScriptSegment(.rst))
    }

    private func reset(_ socket: Int32) {
      var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
      setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
      Glibc.close(socket)
    }

    private func set(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
      var value = value
      setsockopt(descriptor, level, name, &value, 4)
    }

    private func withAddress(
      _ address: UInt32, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Void
    ) {
      guard ends.isIPv6 else {
        var native = sockaddr_in()
        native.sin_family = sa_family_t(AF_INET)
        native.sin_port = port.bigEndian
        native.sin_addr.s_addr = address.bigEndian
        withUnsafePointer(to: &native) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, 16) }
        }
        return
      }
      var native = sockaddr_in6()
      native.sin6_family = sa_family_t(AF_INET6)
      native.sin6_port = port.bigEndian
      withUnsafeMutableBytes(of: &native.sin6_addr) { $0.copyBytes(from: Wire.octets(address, true)) }
      withUnsafePointer(to: &native) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, 28) }
      }
    }
  }
#endif
