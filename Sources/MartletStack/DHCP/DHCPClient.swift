import MartletTCP
import MartletWire

/// The DHCP client of one interface (RFC 2131 §4.4): what it is about, when something is due, and what it would say. It is
/// told answers and the time, and says what the stack is to do about the address.
struct DHCPClient: BitwiseCopyable {
  let interface: InterfaceID
  let hardware: MACAddress
  let hostName: DHCPHostName?

  private(set) var state = State.stopped
  /// The next thing that is due; `.distant`: nothing.
  private(set) var deadline = Instant.distant
  /// Requests of the present kind that were made.
  private(set) var tries: UInt8 = 0
  /// Questions that are still to be asked since the link was away.
  private var reviewsLeft: UInt8 = 0
  /// What went wrong in a row.
  private(set) var setbacks: UInt8 = 0
  /// A question that is to leave. A later one takes its place, as it would on a wire that is slow.
  private var question: DHCPMessageType?
  /// A word about the last address, RELEASE or DECLINE, that is to leave before: no later one would say it again.
  private var farewell: DHCPMessageType?
  /// Offered, then lent; of the last one for as long as there is no other.
  private(set) var lease: DHCPLease?
  /// The station that `lease` came from: the server, or whoever passes on what is for it.
  private(set) var station = MACAddress.zero
  /// Which of the lease's routers has its turn.
  var router: UInt8 = 0
  /// An address to ask for again.
  private var suggestion: IPv4Address?
  /// It is asked for at once, without looking for a server first.
  private var reboots: Bool
  /// Answers for an address that we do not have yet did not come.
  private var wantsBroadcast = false

  private var xid: UInt32 = 0
  private var began = Instant.origin
  private var secs: UInt16 = 0
  /// When the request left that an answer is awaited to: a lease counts from there (RFC 2131 §4.4.1).
  private var requested = Instant.origin

  /// RFC 2131 figure 5.
  enum State: UInt8, BitwiseCopyable {
    /// Nothing is asked for.
    case stopped
    /// INIT or INIT-REBOOT, before the first question.
    case initial
    case selecting
    case requesting
    /// An address of before was asked for.
    case rebooting
    /// It is lent, and others are asked whether they have it.
    case checking
    case bound
    case renewing
    case rebinding
  }

  /// What the stack has to do.
  enum Step: Equatable {
    /// Pull what is outgoing, if anything is.
    case goOn
    /// Ask others about the lease's address, and use it if nobody has it.
    case check
    /// The terms of the lease are others.
    case renewed
    /// Stop using the address.
    case lose(LeaseNews)
  }

  init(_ interface: InterfaceID, _ hardware: MACAddress, _ configuration: DHCPConfiguration) {
    self.interface = interface
    self.hardware = hardware
    hostName = configuration.hostName
    suggestion = configuration.previousAddress
    reboots = configuration.previousAddress != nil
  }

  /// The address is in use, or about to be.
  var hasLease: Bool {
    switch state {
    case .checking, .bound, .renewing, .rebinding: true
    case .stopped, .initial, .selecting, .requesting, .rebooting: false
    }
  }

  /// The address is in use.
  var isBound: Bool { hasLease && state != .checking }

  /// There may be an address soon.
  var isSearching: Bool { state != .stopped && !isBound }

  var address: IPv4Address? {
    guard let lease, case .v4(let address) = lease.address.address else { return nil }
    return address
  }

  /// What is to leave.
  var outgoing: DHCPMessageType? { farewell ?? question }

  // MARK: Calls

  /// INIT. RFC 2131 §4.4.1 would have it wait from one to ten seconds, which would be most of the time until there is an
  /// address; up to one is what IPv6 finds enough (RFC 4861 §6.3.7).
  mutating func start(at now: Instant, _ draw: UInt64) {
    guard state == .stopped else { return }
    setbacks = 0
    begin(at: now, after: .zero, draw)
  }

  /// DHCPRELEASE, and nothing more.
  mutating func stop(at now: Instant, _ draw: UInt64) -> Step {
    let had = hasLease
    state = .stopped
    deadline = .distant
    question = nil
    reboots = false
    guard had else { return .goOn }
    suggestion = address
    xid = UInt32(truncatingIfNeeded: draw >> 32)
    farewell = .release
    return .lose(.released)
  }

  /// Nobody has the address.
  mutating func addressIsFree() {
    guard state == .checking, let lease else { return }
    state = .bound
    deadline = reviewsLeft > 0 ? .origin : lease.renewal
    setbacks = 0
    wantsBroadcast = false
  }

  /// RFC 2131 §3.1, step 5: another has it. Ten seconds at least are waited.
  mutating func addressIsTaken(at now: Instant, _ draw: UInt64) -> Step {
    guard state == .checking else { return .goOn }
    restart(at: now, after: .seconds(10), draw)
    suggestion = nil
    xid = UInt32(truncatingIfNeeded: draw >> 32)
    farewell = .decline
    return .lose(.declined)
  }

  /// The link was away, and another server may rule it now, who knows nothing of the lease or has lent it to somebody else (RFC 2131
  /// §3.7). All are asked as in REBINDING, and meanwhile it is used.
  mutating func linkIsBack(at now: Instant, _ draw: UInt64) {
    switch state {
    case .stopped: return
    // It begins soon. After DHCPDECLINE ten seconds are waited for (§3.1, step 5).
    case .initial: deadline = min(deadline, now.advanced(by: .milliseconds(10_000)))
    case .selecting, .requesting: begin(at: now, after: .zero, draw)
    case .rebooting:
      reboots = true
      begin(at: now, after: .zero, draw)
    // First it is asked about as any other address.
    case .checking: reviewsLeft = 2
    case .bound, .renewing, .rebinding:
      reviewsLeft = 2
      review(at: now, draw)
    }
  }

  private mutating func review(at now: Instant, _ draw: UInt64) {
    state = .rebinding
    if reviewsLeft == 2 {
      xid = UInt32(truncatingIfNeeded: draw >> 32)
      requested = now
      tries = 0
    }
    reviewsLeft &-= 1
    repeatQuestion(.request, at: now, draw)
    deadline = min(deadline, lease?.expiration ?? .distant)
  }

  /// The message has left.
  mutating func sent() {
    if farewell == nil { question = nil } else { farewell = nil }
  }

  // MARK: Time

  mutating func timerFires(at now: Instant, _ draw: UInt64) -> Step {
    if hasLease, let end = lease?.expiration, end <= now { return expire(at: now, draw) }
    switch state {
    case .stopped: deadline = .distant
    case .initial:
      began = now
      if reboots { reboot(at: now, draw) } else { discover(at: now, draw) }
    case .selecting: repeatQuestion(.discover, at: now, draw)
    case .requesting:
      // RFC 2131 §3.1, step 5: four times, which is a minute.
      guard tries < 4 else {
        restart(at: now, after: .zero, draw)
        return .goOn
      }
      repeatQuestion(.request, at: now, draw)
    case .rebooting:
      // RFC 2131 §3.2: nobody knows it here, or no server is awake.
      guard tries < 2 else {
        discover(at: now, draw)
        return .goOn
      }
      repeatQuestion(.request, at: now, draw)
    case .checking: deadline = lease?.expiration ?? .distant
    case .bound, .renewing, .rebinding: askForMoreTime(at: now, draw)
    }
    return .goOn
  }

  private mutating func discover(at now: Instant, _ draw: UInt64) {
    state = .selecting
    xid = UInt32(truncatingIfNeeded: draw >> 32)
    tries = 0
    repeatQuestion(.discover, at: now, draw)
  }

  private mutating func reboot(at now: Instant, _ draw: UInt64) {
    state = .rebooting
    reboots = false
    xid = UInt32(truncatingIfNeeded: draw >> 32)
    tries = 0
    requested = now
    repeatQuestion(.request, at: now, draw)
  }

  /// RFC 2131 §4.1: after 4, 8, 16, 32 and then always 64 seconds, one more or less.
  private mutating func repeatQuestion(_ kind: DHCPMessageType, at now: Instant, _ draw: UInt64) {
    // A request says the same as the question before, or a relay may pass it on elsewhere (§3.1, step 3).
    if kind == .discover || state == .rebooting {
      secs = UInt16(clamping: now.since(began).nanoseconds / 1_000_000_000)
    }
    let wait = Int64(4_000) << Int64(min(tries, 4)) &- 1_000 &+ Self.upTo(2_000, draw)
    if tries < .max { tries &+= 1 }
    if tries > 2 { wantsBroadcast = true }
    question = kind
    deadline = now.advanced(by: .milliseconds(wait))
  }

  /// RFC 2131 §4.4.5. A question of its own each time: the answer then tells from when the lease counts.
  private mutating func askForMoreTime(at now: Instant, _ draw: UInt64) {
    guard let lease else {
      deadline = .distant
      return
    }
    guard reviewsLeft == 0 else { return review(at: now, draw) }
    guard now >= lease.renewal else {
      // Nobody has answered since the link was away: it is ours until its time is over (RFC 2131 §3.7).
      state = .bound
      deadline = lease.renewal
      return
    }
    state = now < lease.rebinding ? .renewing : .rebinding
    xid = UInt32(truncatingIfNeeded: draw >> 32)
    requested = now
    question = .request
    let end = state == .renewing ? lease.rebinding : lease.expiration ?? .distant
    let half = TimeAmount(nanoseconds: end.since(now).nanoseconds / 2)
    deadline = min(end, now.advanced(by: max(half, .seconds(60))))
  }

  private mutating func expire(at now: Instant, _ draw: UInt64) -> Step {
    let last = address
    restart(at: now, after: .zero, draw)
    suggestion = last
    return .lose(.expired)
  }

  /// INIT, after a setback: the second in a row waits for two seconds, each further one for twice as long, up to a minute
  /// or so.
  private mutating func restart(at now: Instant, after least: TimeAmount, _ draw: UInt64) {
    let wait = setbacks == 0 ? TimeAmount.zero : .seconds(Int64(1) << Int64(min(setbacks, 6)))
    if setbacks < .max { setbacks &+= 1 }
    begin(at: now, after: max(least, wait), draw)
  }

  private mutating func begin(at now: Instant, after wait: TimeAmount, _ draw: UInt64) {
    state = .initial
    question = nil
    reviewsLeft = 0
    deadline = now.advanced(by: wait).advanced(by: .milliseconds(Self.upTo(1_000, draw)))
  }

  // MARK: Answers

  /// Takes in a message that came for a client on this link. Nil: it is not for us, or not an answer that is waited for,
  /// or says what cannot be.
  mutating func answerArrives(
    _ message: DHCPMessage, from sender: MACAddress, at now: Instant, _ draw: UInt64
  ) -> Step? {
    guard message.op == .reply, message.chaddr == hardware, message.xid == xid,
      let kind = message.options.messageType, let server = message.options.serverIdentifier, server.isUnicast,
      !server.isLoopback
    else { return nil }
    switch kind {
    case .offer: return offerArrives(message, server, from: sender, at: now, draw)
    case .ack: return ackArrives(message, server, from: sender, at: now, draw)
    case .nak: return nakArrives(server, at: now, draw)
    case .discover, .request, .decline, .release, .inform: return nil
    }
  }

  /// The first that can be is taken.
  private mutating func offerArrives(
    _ message: DHCPMessage, _ server: IPv4Address, from sender: MACAddress, at now: Instant, _ draw: UInt64
  ) -> Step? {
    guard state == .selecting,
      let terms = DHCPLease(message, from: server, requested: now, answered: now, draw)
    else { return nil }
    lease = terms
    station = sender
    state = .requesting
    tries = 0
    requested = now
    repeatQuestion(.request, at: now, draw)
    return .goOn
  }

  private mutating func ackArrives(
    _ message: DHCPMessage, _ server: IPv4Address, from sender: MACAddress, at now: Instant, _ draw: UInt64
  ) -> Step? {
    guard isAwaited(from: server), message.yiaddr == (state == .rebooting ? suggestion : address),
      let terms = DHCPLease(message, from: server, requested: requested, answered: now, draw)
    else { return nil }
    lease = terms
    station = sender
    question = nil
    reviewsLeft = 0
    router = 0
    if state == .renewing || state == .rebinding {
      state = .bound
      deadline = terms.renewal
      return .renewed
    }
    state = .checking
    deadline = terms.expiration ?? .distant
    return .check
  }

  private mutating func nakArrives(_ server: IPv4Address, at now: Instant, _ draw: UInt64) -> Step? {
    guard isAwaited(from: server) else { return nil }
    let had = hasLease
    restart(at: now, after: .zero, draw)
    suggestion = nil
    return had ? .lose(.refused) : .goOn
  }

  /// Whether a request is open that this server may answer: the one that was chosen, or whose the lease is; where every
  /// server was asked, any.
  private func isAwaited(from server: IPv4Address) -> Bool {
    switch state {
    case .requesting, .renewing: server == lease?.server
    case .rebooting, .rebinding: true
    case .stopped, .initial, .selecting, .checking, .bound: false
    }
  }

  /// Up to so many milliseconds, from the low half of a draw.
  private static func upTo(_ milliseconds: Int64, _ draw: UInt64) -> Int64 {
    Int64(truncatingIfNeeded: ((draw & 0xffff_ffff) &* UInt64(milliseconds)) >> 32)
  }
}

// MARK: What it says

extension DHCPClient {
  /// RFC 2131 §4.4.1, table 5.
  func message(_ kind: DHCPMessageType, mtu: UInt16) -> DHCPMessage {
    var message = DHCPMessage(op: .request, xid: xid, chaddr: hardware)
    message.options.messageType = kind
    message.options.clientIdentifier = hardware
    switch kind {
    case .discover:
      message.options.requestedAddress = suggestion
    case .request:
      switch state {
      case .requesting:
        message.options.requestedAddress = address
        message.options.serverIdentifier = lease?.server
      case .rebooting: message.options.requestedAddress = suggestion
      default: message.ciaddr = address ?? .any
      }
    case .decline:
      message.options.requestedAddress = address
      message.options.serverIdentifier = lease?.server
      return message
    default:
      message.ciaddr = address ?? .any
      message.options.serverIdentifier = lease?.server
      return message
    }
    if !hasLease {
      message.secs = secs
      // RFC 2131 §4.1: we hear what is for an address that we do not have yet. A server or a switch on the way may not
      // be able to send it.
      message.wantsBroadcast = wantsBroadcast
    }
    message.options.parameters = .all
    // What does not fit a packet would come in fragments, which are not put together here.
    message.options.maximumMessageSize = max(mtu, 576)
    message.options.hostName = hostName
    return message
  }

  /// Where it goes: to the station that the lease came from, or to all.
  func destination(of kind: DHCPMessageType) -> (hardware: MACAddress, address: IPv4Address) {
    let isForServer = kind == .release || (kind == .request && state == .renewing)
    guard isForServer, let lease else { return (.broadcast, .broadcast) }
    return (station, lease.server)
  }
}
