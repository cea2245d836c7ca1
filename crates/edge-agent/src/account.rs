//! Giving up the rights of root.

use std::fs;
use std::io;

use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Becomes an account, for this thread and those that it starts from now on, without a way back.
///
/// # Errors
///
/// Where there is no such account, or the process has not the right to become it.
pub(crate) fn become_account(name: &str) -> io::Result<()> {
    let (uid, gid, groups) = find(name)?;
    if uid == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("account `{name}` is root: there is nothing to give up")));
    }
    if rustix::process::geteuid().as_raw() == uid {
        return Ok(());
    }
    let groups: Vec<Gid> = groups.into_iter().map(Gid::from_raw).collect();
    set_thread_groups(&groups)?;
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    rustix::thread::set_no_new_privs(true)?;
    Ok(())
}

/// Its number, its group, and the groups that it is a member of.
fn find(name: &str) -> io::Result<(u32, u32, Vec<u32>)> {
    let none = || io::Error::new(io::ErrorKind::NotFound, format!("no account `{name}`"));
    let passwd = fs::read_to_string("/etc/passwd")?;
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let account = passwd.lines().map(fields).find(|fields| fields[0] == name).ok_or_else(none)?;
    let number = |fields: &[String], at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
    let (uid, gid) = number(&account, 2).zip(number(&account, 3)).ok_or_else(none)?;
    let group = fs::read_to_string("/etc/group")?;
    let member = |fields: &Vec<String>| fields.get(3).is_some_and(|members| members.split(',').any(|member| member == name));
    let mut groups: Vec<u32> = group.lines().map(fields).filter(member).filter_map(|fields| number(&fields, 2)).collect();
    groups.push(gid);
    Ok((uid, gid, groups))
}
