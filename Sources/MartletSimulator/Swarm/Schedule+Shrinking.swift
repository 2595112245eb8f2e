import MartletTCP

// Smaller schedules.

extension Schedule {
  /// How much there is of it; only compared.
  var size: Int {
    var size = 0
    for part in SchedulePart.allCases { size += 1_000 * count(of: part) }
    for conversation in conversations { size += Int(conversation.forth) + Int(conversation.back) }
    for hook in hooks { size += hook.which.lowerBound + hook.which.count }
    for number in 0..<Self.simplifications {
      var simpler = self
      if simpler.simplify(number) { size += 100 }
    }
    return size
  }

  func count(of part: SchedulePart) -> Int {
    switch part {
    case .luck: luck?.count ?? 0
    case .faults: faults.count
    case .hooks: hooks.count
    case .forgeries: forgeries.count
    case .conversations: conversations.count
    }
  }

  /// Some items left out. The other conversations move up, and have other ports.
  func without(_ part: SchedulePart, _ range: Range<Int>) -> Schedule {
    var smaller = self
    switch part {
    case .luck: smaller.luck?.removeSubrange(range)
    case .faults: smaller.faults.removeSubrange(range)
    case .hooks: smaller.hooks.removeSubrange(range)
    case .forgeries: smaller.forgeries.removeSubrange(range)
    case .conversations:
      smaller.conversations.removeSubrange(range)
      smaller.forgeries.removeAll { Int($0.conversation) >= smaller.conversations.count }
    }
    return smaller
  }

  /// What luck did to one packet happens to an earlier one of its way.
  func bringingForward(_ number: Int, to ordinal: UInt32) -> Schedule {
    var earlier = self
    guard var luck, number < luck.count else { return self }
    luck[number].entry.ordinal = ordinal
    luck.sort { ($0.way, $0.entry.ordinal) < ($1.way, $1.entry.ordinal) }
    earlier.luck = luck
    return earlier
  }

  func with(_ amount: ConversationAmount, _ count: UInt32, of number: Int) -> Schedule {
    var smaller = self
    smaller.conversations[number][amount] = count
    return smaller
  }

  /// How many ways there are to make it simpler.
  static var simplifications: Int { 50 }

  /// Makes it simpler in the n-th way. False: it is that simple already.
  mutating func simplify(_ number: Int) -> Bool {
    let plain = Schedule(plain: seed)
    switch number {
    case 0: return Self.set(&wiring, plain.wiring)
    case 1: return Self.set(&overIPv6, false)
    case 2: return Self.set(&mtu, plain.mtu)
    case 3: return Self.set(&deliversBatches, true)
    case 4: return Self.set(&opensAtOnce, false)
    case 5: return Self.set(&listener.alwaysCookies, false)
    case 6: return Self.set(&listener.fastOpen, false)
    case 7: return Self.set(&listener.halfOpenLimit, 0)
    case 8: return Self.set(&forth, LinkConditions(delay: forth.delay))
    case 9: return Self.set(&back, LinkConditions(delay: back.delay))
    case 10: return Self.set(&forth.delay, plain.forth.delay)
    case 11: return Self.set(&back.delay, plain.back.delay)
    case 12: return forth.simplifyQueue()
    case 13: return back.simplifyQueue()
    case 14: return forth.simplifyLuck()
    case 15: return back.simplifyLuck()
    case 16: return Self.set(&forth.mtu, 0)
    case 17: return Self.set(&back.mtu, 0)
    case 18: return Self.set(&client, plain.client)
    case 19: return Self.set(&server, plain.server)
    case 20..<34: return client.simplify(number - 20)
    case 34..<48: return server.simplify(number - 34)
    case 48: return simplifyConversations { $0.simplifyTimes() }
    default: return simplifyConversations { Self.set(&$0.ending, .bothAtOnce) }
    }
  }

  private mutating func simplifyConversations(_ simplify: (inout Conversation) -> Bool) -> Bool {
    var isChanged = false
    for number in conversations.indices where simplify(&conversations[number]) { isChanged = true }
    return isChanged
  }

  /// False: it is that already.
  fileprivate static func set<Value: Equatable>(_ place: inout Value, _ value: Value) -> Bool {
    if place == value { return false }
    place = value
    return true
  }
}

extension LinkConditions {
  fileprivate mutating func simplifyQueue() -> Bool {
    let before = self
    rate = 0
    queue = 0
    queuePackets = 0
    marksAbove = .max
    discipline = .dropTail
    return self != before
  }

  fileprivate mutating func simplifyLuck() -> Bool {
    let before = self
    self = withoutChance
    return self != before
  }
}

extension Conversation {
  fileprivate mutating func simplifyTimes() -> Bool {
    let before = self
    starts = .zero
    clientPause = .zero
    serverPause = .zero
    sendSize = 16_384
    receiveSize = 16_384
    return self != before
  }
}

extension HostFeatures {
  fileprivate mutating func simplify(_ number: Int) -> Bool {
    let plain = HostFeatures()
    switch number {
    case 0: return Schedule.set(&timestamps, plain.timestamps)
    case 1: return Schedule.set(&sack, plain.sack)
    case 2: return Schedule.set(&windowScaling, plain.windowScaling)
    case 3: return Schedule.set(&ecn, plain.ecn)
    case 4: return Schedule.set(&congestionControl, plain.congestionControl)
    case 5: return Schedule.set(&pacing, plain.pacing)
    case 6: return Schedule.set(&fastOpen, plain.fastOpen)
    case 7: return Schedule.set(&noDelay, plain.noDelay)
    case 8: return Schedule.set(&quickAck, plain.quickAck)
    case 9: return Schedule.set(&receiveBuffer, plain.receiveBuffer)
    case 10: return Schedule.set(&sendBuffer, plain.sendBuffer)
    case 11: return Schedule.set(&memoryBudget, plain.memoryBudget)
    case 12: return Schedule.set(&keepAliveIdle, plain.keepAliveIdle)
    default:
      let hadTimeout = Schedule.set(&userTimeout, plain.userTimeout)
      return Schedule.set(&chunksPerArena, plain.chunksPerArena) || hadTimeout
    }
  }
}
