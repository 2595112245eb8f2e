extension TCB {
  /// The options as they stand; DSCP, hop limit and linger are the engine's to keep.
  public var options: ConnectionOptions {
    var options = ConnectionOptions()
    options.noDelay = mode.contains(.noDelay)
    options.quickAck = mode.contains(.quickAck)
    options.pacing = mode.contains(.paced)
    options.keepAlive = mode.contains(.keepAlive)
    options.keepAliveIdle = limits.keepAliveIdle
    options.keepAliveInterval = limits.keepAliveInterval
    options.keepAliveCount = limits.keepAliveCount
    options.userTimeout = .milliseconds(Int64(limits.userTimeout))
    options.receiveBuffer = rcv.buffer.octets
    options.sendBuffer = snd.buffer.octets
    options.congestionControl = congestion.algorithm.control
    options.pacing = mode.contains(.paced)
    options.maximumSegmentSize = snd.mss
    return options
  }

  /// Changes what can change on a living connection. A smaller receive buffer shrinks no window that was
  /// promised (SHLD-14); a maximum segment size only lowers the one sent.
  public mutating func set(
    _ options: ConnectionOptions, cold: ColdBlock, _ around: borrowing Surroundings, now: Instant
  ) -> Reaction {
    var reaction: Reaction = []
    adopt(options)
    let configuration = around.configuration
    // As `options` gave it: the application wanted something else changed.
    if options.receiveBuffer > 0, options.receiveBuffer != rcv.buffer.octets {
      mode.remove(.fitsReceiveBuffer)
      rcv.buffer = BufferSize(min(options.receiveBuffer, configuration.maximumReceiveBuffer))
    }
    // What `options` told, given back, is no wish.
    if options.sendBuffer > 0, options.sendBuffer != snd.buffer.octets {
      snd.buffer = BufferSize(min(options.sendBuffer, configuration.maximumSendBuffer))
      mode.remove(.fitsSendBuffer)
    }
    if options.maximumSegmentSize > 0 {
      snd.mss = max(min(snd.mss, options.maximumSegmentSize), configuration.minimumSendMSS)
    }
    if let control = options.congestionControl {
      congestion.change(
        to: control, hasReduced: recovery.phase != .open || cold.isReduced, mss: effectiveSendMSS)
    }
    if mode.contains(.keepAlive), state.isSynchronized {
      armKeepAlive(now)
      reaction.insert(.rearmTimer)
    } else {
      timers.armed.remove(.keepAlive)
    }
    if timers.armed.contains(.retransmission) {
      armRetransmission(configuration.rto, now)
      reaction.insert(.rearmTimer)
    }
    // Nagle may have held text back that now may go.
    if hasUnsent(cold) { reaction.insert(.output) }
    return reaction
  }

  mutating func adopt(_ options: ConnectionOptions) {
    set(.noDelay, options.noDelay)
    set(.quickAck, options.quickAck)
    set(.paced, options.pacing)
    set(.keepAlive, options.keepAlive)
    set(.paced, options.pacing)
    limits.keepAliveIdle = max(options.keepAliveIdle, 1)
    limits.keepAliveInterval = max(options.keepAliveInterval, 1)
    limits.keepAliveCount = max(options.keepAliveCount, 1)
    limits.userTimeout = options.userTimeout.timerMilliseconds
  }

  private mutating func set(_ flag: Mode, _ on: Bool) {
    if on { mode.insert(flag) } else { mode.remove(flag) }
  }
}
