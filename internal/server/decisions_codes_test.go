package server

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keywright/keywright/internal/secrets"
)

// device shows the one-time codes of a user. A code counts once, and the cases do
// not wait for the next: the device's clock runs ahead.
type device struct {
	serial, seed string
	step, ahead  int64 // of the last code
}

// nextCode returns a code of a user's device, which is made when he has none.
func (w *world) nextCode(e *entity) (serial, code string, err error) {
	d := w.devices[e.id]
	if d == nil {
		if d, err = w.newDevice(e); err != nil {
			return "", "", err
		}
		w.devices[e.id] = d
	}
	now := time.Now().Unix() / secrets.OneTimePeriod
	d.step = max(d.step+1, now+d.ahead)
	d.ahead = d.step - now
	code, err = secrets.OneTimeCode(d.seed, d.step)
	return d.serial, code, err
}

func (w *world) newDevice(e *entity) (*device, error) {
	ctx := context.Background()
	made, err := e.account.iam.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &e.name})
	if err != nil {
		return nil, err
	}
	d := &device{serial: *made.VirtualMFADevice.SerialNumber, seed: string(made.VirtualMFADevice.Base32StringSeed)}
	d.step = time.Now().Unix() / secrets.OneTimePeriod
	codes := make([]string, 2)
	for i := range codes {
		if codes[i], err = secrets.OneTimeCode(d.seed, d.step-1+int64(i)); err != nil {
			return nil, err
		}
	}
	_, err = e.account.iam.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{
		UserName: &e.name, SerialNumber: &d.serial, AuthenticationCode1: &codes[0], AuthenticationCode2: &codes[1],
	})
	return d, err
}
