public import MartletTCP

extension TCPState {
  /// What an end in this state waits for, and what it does then (RFC 9293 §3.3.2).
  public func expectation(_ language: Language) -> String {
    let texts: (english: String, chinese: String) =
      switch self {
      case .closed: ("there is no connection", "没有连接")
      case .listen: ("waits for a SYN", "等待 SYN")
      case .synSent: ("has sent SYN, waits for SYN and ACK", "已发送 SYN，等待 SYN 加 ACK")
      case .synReceived: ("has answered the SYN, waits for its ACK", "已回应 SYN，等待对它的 ACK")
      case .established: ("sends and receives", "收发数据")
      case .finWait1: ("has sent FIN, waits for its ACK", "已发送 FIN，等待对它的 ACK")
      case .finWait2: ("its half is closed, waits for the peer's FIN", "本方向已关闭，等待对端的 FIN")
      case .closeWait: ("the peer has finished, waits for its application to close", "对端已说完，等待本方应用程序关闭")
      case .closing: ("both have sent FIN, waits for the ACK of its own", "双方都已发送 FIN，等待对自己 FIN 的 ACK")
      case .lastAck: ("has sent FIN as the second, waits for the last ACK", "后发送 FIN，等待最后的 ACK")
      case .timeWait: ("waits for 2 MSL, to repeat the last ACK", "等待 2 MSL，以便重发最后的 ACK")
      }
    return language == .english ? texts.english : texts.chinese
  }
}
