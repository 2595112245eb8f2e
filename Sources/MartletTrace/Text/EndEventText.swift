public import MartletTCP

extension EndEvent {
  /// What happens, in a few words, without a subject.
  public func text(_ language: Language) -> String {
    let texts = texts
    return language == .english ? texts.english : texts.chinese
  }

  private var texts: (english: String, chinese: String) {
    switch self {
    case .listens: ("application: listens", "应用程序：监听")
    case .connects: ("application: connects", "应用程序：发起连接")
    case .sends(let count):
      ("application: sends " + octets(count), "应用程序：发送 " + grouped(count) + " 字节")
    case .reads(let count):
      ("application: reads " + octets(count), "应用程序：读取 " + grouped(count) + " 字节")
    case .readsEnd: ("application: reads the end of the stream", "应用程序：读到数据流末尾")
    case .shutsSending:
      ("application: shuts its sending half, and goes on reading", "应用程序：关闭发送方向，继续读取")
    case .closes: ("application: closes", "应用程序：关闭连接")
    case .aborts: ("application: aborts", "应用程序：中止连接")
    case .isTold(let reason):
      ("application is told: " + reason.text(.english), "应用程序得知：" + reason.text(.simplifiedChinese))
    case .crashes:
      ("the host crashes: what it knew is gone, and nobody is told", "主机崩溃：它所知的一切都已丢失，无人得知")
    case .restarts: ("the host is back, and knows of no connection", "主机恢复运行，不记得任何连接")
    case .withholdsAcknowledgment:
      ("the third segment is withheld on purpose", "故意不发送第三个报文段")
    case .isFlooded(let syns, let halfOpen, let limit):
      (
        grouped(syns) + " SYNs of strangers: " + grouped(halfOpen) + " of " + grouped(limit)
          + " half-open places are taken",
        grouped(syns) + " 个陌生地址的 SYN：半连接队列占用 " + grouped(halfOpen) + "/" + grouped(limit)
      )
    }
  }

  private func octets(_ count: UInt64) -> String { grouped(count) + (count == 1 ? " octet" : " octets") }
}

extension EndReason {
  /// Why a connection is over, as its application is told.
  public func text(_ language: Language) -> String {
    let texts: (english: String, chinese: String) =
      switch self {
      case .none: ("the connection goes on", "连接仍在继续")
      case .closed: ("the connection is closed", "连接已正常关闭")
      case .reset: ("connection reset", "连接被重置")
      case .refused: ("connection refused", "连接被拒绝")
      case .timedOut: ("connection timed out", "连接超时")
      case .keepAliveTimedOut: ("keep-alive timed out", "保活超时")
      case .unreachable: ("host unreachable", "主机不可达")
      case .aborted: ("connection aborted", "连接已中止")
      case .evicted: ("out of memory", "内存不足")
      case .idle: ("idle for too long", "空闲时间过长")
      }
    return language == .english ? texts.english : texts.chinese
  }
}

extension SoftError {
  /// What the network, or the want of an answer, said of a connection.
  public func text(_ language: Language) -> String {
    let texts: (english: String, chinese: String) =
      switch self {
      case .none: ("no error", "无错误")
      case .networkUnreachable: ("network unreachable", "网络不可达")
      case .hostUnreachable: ("host unreachable", "主机不可达")
      case .protocolUnreachable: ("protocol unreachable", "协议不可达")
      case .portUnreachable: ("port unreachable", "端口不可达")
      case .sourceRouteFailed: ("source route failed", "源路由失败")
      case .administrativelyProhibited: ("administratively prohibited", "被管理策略禁止")
      case .timeExceeded: ("time exceeded", "超时（TTL 耗尽）")
      case .parameterProblem: ("parameter problem", "参数问题")
      case .unknown: ("an error of an unknown type", "未知类型的错误")
      case .retransmitting: ("no acknowledgment for several tries", "多次重试未获确认")
      }
    return language == .english ? texts.english : texts.chinese
  }
}
